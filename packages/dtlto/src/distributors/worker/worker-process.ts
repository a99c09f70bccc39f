import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { DtltoError } from '../../errors.js'
import { printableLine } from '../../printable.js'
import {
  type BlobTransfer,
  type CodegenAnswer,
  CodegenAnswers,
  type CodegenMessage,
  codegenMessage,
  contentDigests,
} from '../codegen/message.js'
import type { JobBlob, JobPackage } from '../interface.js'
import type { WorkerProgram } from './worker-program.js'

/** Modules and profiles come back in many jobs, so a worker keeps them: up to this many bytes. */
const KEEP_BYTES = 256 * 1024 ** 2
const STDERR_BYTES = 16 * 1024
/** No answer has more: its object is as large as that only in an attack. */
const ANSWER_BYTES_ALWAYS = 64 * 1024 ** 2
const ANSWER_BYTES_PER_JOB_BYTE = 64
const NOTHING = new Uint8Array(0)

/** A process could not be started. */
export class CannotStart extends Error {
  /** Processes, threads, descriptors or memory are used up: with fewer processes it goes. */
  readonly isShortage: boolean

  constructor(program: WorkerProgram, cause: unknown) {
    const { code, message } = cause as NodeJS.ErrnoException
    super(`cannot run ${program.name}: ${message}`, { cause })
    this.isShortage = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(code ?? '')
  }
}

/** Whether a job has failed because somebody else killed its process: the kernel, when memory is short. */
export function wasKilled(error: unknown): boolean {
  return error instanceof DtltoError && error.details['signal'] === 'SIGKILL'
}

/** Where memory is short the kernel should take a backend, whose job can be done again, and not the linker: see proc_pid_oom_score_adj(5). */
function offerToTheKernel(pid: number | undefined): void {
  try {
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'latin1'))
    writeFileSync(`/proc/${String(pid)}/oom_score_adj`, String(Math.min(1000, own + 500)))
  } catch {
    // Not Linux, or it has ended.
  }
}

/** One `dtlto-codegen --serve`: a job at a time, until it dies or is killed. */
export class WorkerProcess {
  readonly #program: WorkerProgram
  readonly #child: ChildProcess
  readonly #stdin: Writable
  /** Names of contents. */
  readonly #kept = new Set<string>()
  #keptBytes = 0
  #reader = new CodegenAnswers()
  #waiting: { resolve: (result: CodegenAnswer) => void; reject: (error: DtltoError) => void } | undefined
  #stderr = ''
  #dead: DtltoError | undefined

  /** Rejects with CannotStart. */
  static async start(program: WorkerProgram): Promise<WorkerProcess> {
    try {
      // What the worker prints while it compiles is part of its results; only a dying one writes to its stderr. A command is a group of
      // processes, which is killed as one.
      const child = spawn(program.file, program.args, {
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: program.isElsewhere,
      })
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      if (!program.isElsewhere) offerToTheKernel(child.pid)
      return new WorkerProcess(program, child, child.stdin, child.stdout, child.stderr)
    } catch (error) {
      throw new CannotStart(program, error)
    }
  }

  private constructor(
    program: WorkerProgram,
    child: ChildProcess,
    stdin: Writable,
    stdout: Readable,
    stderr: Readable,
  ) {
    this.#program = program
    this.#child = child
    this.#stdin = stdin
    child.on('error', (error) => {
      this.#die(`failed: ${error.message}`)
    })
    // 'close', not 'exit': whatever it printed has arrived by then.
    child.on('close', (code, signal) => {
      const last = printableLine(this.#stderr.trimEnd().split('\n').at(-1) ?? '')
      const end = `ended by ${signal ?? `exit code ${String(code)}`}`
      this.#die(program.isElsewhere && last !== '' ? `${end}: ${last}` : end, signal)
    })
    stdin.on('error', () => undefined) // its end says more
    stdout.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
    })
    stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_BYTES)
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get alive(): boolean {
    return this.#dead === undefined
  }

  /**
   * Resolves when something that speaks as dtlto-codegen answers, with what it says of a job that is none: a worker of another version of LLVM
   * names both. Rejects when the process dies, or says something else.
   */
  async greet(llvmVersion: string): Promise<string> {
    const none = { kind: 'package', llvmVersion, task: 0, objectName: '', replayedArgs: [], blobs: [] } as const
    const answer = await this.#ask(codegenMessage({ ...none, forClang: () => Promise.reject(new Error('no job')) }), 0)
    return answer.failure
  }

  /** `onSent`: nothing of the job is in this process any more. Rejects with DTLTO_DISTRIBUTOR_FAILED when the process dies. */
  async compile(job: JobPackage, onSent: () => void): Promise<CodegenAnswer> {
    const digests = this.#program.isElsewhere ? await contentDigests(job) : undefined
    if (this.#dead) throw this.#dead
    const message = codegenMessage(
      job,
      (blob) => this.#transfer(blob, digests?.get(blob.content.id) ?? blob.content.id),
      digests,
    )
    return this.#ask(
      message,
      job.blobs.reduce((sum, { content }) => sum + content.sizeBytes, 0),
      onSent,
    )
  }

  kill(): void {
    this.#die('was stopped')
    this.#stdin.destroy()
    this.#signal()
  }

  /** Lets it end by itself; it has nothing to do. */
  close(): void {
    this.#dead ??= new DtltoError('DTLTO_CANCELLED', 'the compiler process is closed')
    this.#stdin.end()
  }

  #ask(message: CodegenMessage, jobBytes: number, onSent = (): void => undefined): Promise<CodegenAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#dead) {
        message.release()
        reject(this.#dead)
        return
      }
      this.#waiting = { resolve, reject }
      this.#reader.job = message.job
      this.#reader.maxBytes = ANSWER_BYTES_ALWAYS + ANSWER_BYTES_PER_JOB_BYTE * jobBytes
      this.#stdin.cork()
      for (const part of message.parts) this.#stdin.write(part)
      this.#stdin.write(NOTHING, (error) => {
        message.release()
        if (!error) onSent()
      })
      this.#stdin.uncork()
    })
  }

  #transfer({ role, content: { sizeBytes } }: JobBlob, name: string): BlobTransfer {
    if (role === 'index') return 'send'
    if (this.#kept.has(name)) return 'known'
    if (this.#keptBytes + sizeBytes > KEEP_BYTES) return 'send'
    this.#kept.add(name)
    this.#keptBytes += sizeBytes
    return 'keep'
  }

  #receive(chunk: Buffer): void {
    let result: CodegenAnswer | undefined
    try {
      result = this.#reader.push(chunk)
    } catch (error) {
      this.#die(`answered nonsense: ${error instanceof Error ? error.message : String(error)}`)
      this.#signal()
      return
    }
    if (!result) return
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(result)
  }

  /** A command's shell and what it started, which share a process group. */
  #signal(): void {
    const { pid } = this.#child
    if (!this.#program.isElsewhere || pid === undefined) {
      this.#child.kill('SIGKILL')
      return
    }
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // They have ended.
    }
  }

  /** `signal`: that it was ended by, from outside. */
  #die(what: string, signal: NodeJS.Signals | null = null): void {
    const who = this.#program.isElsewhere ? `the worker ${this.#program.name}` : 'a compiler process'
    this.#dead ??= new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `${who} ${what}`, {
      details: { stderr: this.#stderr, ...(signal !== null && { signal }) },
    })
    this.#waiting?.reject(this.#dead)
    this.#waiting = undefined
  }
}
