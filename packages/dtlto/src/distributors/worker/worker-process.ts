import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { codegenProgram } from '@dtlto/native'
import { DtltoError } from '../../errors.js'
import { type BlobTransfer, type CodegenAnswer, CodegenAnswers, codegenMessage } from '../codegen/message.js'
import type { JobBlob, JobPackage } from '../interface.js'

/** Modules and profiles come back in many jobs, so a worker keeps them: up to this many bytes. */
const KEEP_BYTES = 256 * 1024 ** 2
const STDERR_BYTES = 16 * 1024
const NOTHING = new Uint8Array(0)

/** A process could not be started. */
export class CannotStart extends Error {
  /** Processes, threads, descriptors or memory are used up: with fewer processes it goes. */
  readonly isShortage: boolean

  constructor(program: string, cause: unknown) {
    const { code, message } = cause as NodeJS.ErrnoException
    super(`cannot run '${program}': ${message}`, { cause })
    this.isShortage = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(code ?? '')
  }
}

/** One `dtlto-codegen --serve`: a job at a time, until it dies or is killed. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #stdin: Writable
  readonly #kept = new Set<string>()
  #keptBytes = 0
  #reader = new CodegenAnswers()
  #waiting: { resolve: (result: CodegenAnswer) => void; reject: (error: DtltoError) => void } | undefined
  #stderr = ''
  #dead: DtltoError | undefined

  /** Rejects with CannotStart. */
  static async start(): Promise<WorkerProcess> {
    const program = codegenProgram()
    try {
      // What the worker prints while it compiles is part of its results; only a dying one writes to its stderr.
      const child = spawn(program, ['--serve'], { stdio: ['pipe', 'pipe', 'pipe'] })
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      return new WorkerProcess(child, child.stdin, child.stdout, child.stderr)
    } catch (error) {
      throw new CannotStart(program, error)
    }
  }

  private constructor(child: ChildProcess, stdin: Writable, stdout: Readable, stderr: Readable) {
    this.#child = child
    this.#stdin = stdin
    child.on('error', (error) => {
      this.#die(`a compiler process failed: ${error.message}`)
    })
    // 'close', not 'exit': whatever it printed has arrived by then.
    child.on('close', (code, signal) => {
      this.#die(`a compiler process ended by ${signal ?? `exit ${String(code)}`}`)
    })
    stdin.on('error', () => undefined) // its end says more
    stdout.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
    })
    stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_BYTES)
    })
  }

  get alive(): boolean {
    return this.#dead === undefined
  }

  /** Rejects with DTLTO_DISTRIBUTOR_FAILED when the process dies. */
  compile(job: JobPackage): Promise<CodegenAnswer> {
    if (this.#dead) return Promise.reject(this.#dead)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      const message = codegenMessage(job, (blob) => this.#transfer(blob))
      this.#stdin.cork()
      for (const part of message.parts) this.#stdin.write(part)
      this.#stdin.write(NOTHING, () => message.release())
      this.#stdin.uncork()
    })
  }

  kill(): void {
    this.#die('a compiler process was stopped')
    this.#stdin.destroy()
    this.#child.kill('SIGKILL')
  }

  /** Lets it end by itself; it has nothing to do. */
  close(): void {
    this.#dead ??= new DtltoError('DTLTO_CANCELLED', 'the compiler process is closed')
    this.#stdin.end()
  }

  #transfer({ role, content: { id, sizeBytes } }: JobBlob): BlobTransfer {
    if (role === 'index') return 'send'
    if (this.#kept.has(id)) return 'known'
    if (this.#keptBytes + sizeBytes > KEEP_BYTES) return 'send'
    this.#kept.add(id)
    this.#keptBytes += sizeBytes
    return 'keep'
  }

  #receive(chunk: Buffer): void {
    let result: CodegenAnswer | undefined
    try {
      result = this.#reader.push(chunk)
    } catch (error) {
      this.#die(`a compiler process answered nonsense: ${error instanceof Error ? error.message : String(error)}`)
      this.#child.kill('SIGKILL')
      return
    }
    if (!result) return
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(result)
  }

  #die(why: string): void {
    this.#dead ??= new DtltoError('DTLTO_DISTRIBUTOR_FAILED', why, { details: { stderr: this.#stderr } })
    this.#waiting?.reject(this.#dead)
    this.#waiting = undefined
  }
}
