import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { codegenProgram } from '@dtlto/native'
import { DtltoError } from '../../errors.js'
import type { WorkerJob } from '../interface.js'
import { type BlobTransfer, jobMessage, type PlannedBlob, ResultReader, type WorkerResult } from './worker-message.js'

/** Imported modules come back in many jobs, so a worker keeps them: up to this many bytes. */
const KEEP_BYTES = 256 * 1024 ** 2
const STDERR_BYTES = 16 * 1024

/** One `dtlto-codegen --serve`: a job at a time, until it dies or is killed. */
export class WorkerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #kept = new Map<string, number>()
  #keptBytes = 0
  #reader = new ResultReader()
  #waiting: { resolve: (result: WorkerResult) => void; reject: (error: DtltoError) => void } | undefined
  #stderr = ''
  #dead: DtltoError | undefined

  constructor() {
    // What the worker prints while it compiles is part of its results; only a dying one writes to its stderr.
    this.#child = spawn(codegenProgram(), ['--serve'], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.on('error', (error) => {
      this.#die(`cannot run '${codegenProgram()}': ${error.message}`)
    })
    // 'close', not 'exit': whatever it printed has arrived by then.
    this.#child.on('close', (code, signal) => {
      this.#die(`a compiler process ended by ${signal ?? `exit ${String(code)}`}`)
    })
    this.#child.stdin.on('error', () => undefined) // its end says more
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
    })
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_BYTES)
    })
  }

  get alive(): boolean {
    return this.#dead === undefined
  }

  /** Rejects with DTLTO_DISTRIBUTOR_FAILED when the process dies. `keyOf` names equal contents equally, for the whole link. */
  compile(job: WorkerJob, keyOf: (content: Uint8Array) => string): Promise<WorkerResult> {
    if (this.#dead) return Promise.reject(this.#dead)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      const { stdin } = this.#child
      stdin.cork()
      for (const piece of jobMessage(job, this.#plan(job, keyOf))) stdin.write(piece)
      stdin.uncork()
    })
  }

  kill(): void {
    this.#die('a compiler process was stopped')
    this.#child.stdin.destroy()
    this.#child.kill('SIGKILL')
  }

  /** Lets it end by itself; it has nothing to do. */
  close(): void {
    this.#dead ??= new DtltoError('DTLTO_CANCELLED', 'the compiler process is closed')
    this.#child.stdin.end()
  }

  #plan(job: WorkerJob, keyOf: (content: Uint8Array) => string): PlannedBlob[] {
    return job.blobs.map((blob, position) => {
      const shared = blob.role === 'own' || blob.role === 'import' ? blob.file.parts()[1] : undefined
      if (!shared) return { blob, key: `x${String(position)}`, transfer: 'send' }
      const key = keyOf(shared)
      let transfer: BlobTransfer = 'send'
      if (this.#kept.has(key)) {
        transfer = 'known'
      } else if (this.#keptBytes + blob.file.sizeBytes <= KEEP_BYTES) {
        transfer = 'keep'
        this.#kept.set(key, blob.file.sizeBytes)
        this.#keptBytes += blob.file.sizeBytes
      }
      return { blob, key, transfer }
    })
  }

  #receive(chunk: Buffer): void {
    let result: WorkerResult | undefined
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
