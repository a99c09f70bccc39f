/** Gathers jobs into runs of the distributor. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Attempt,
  type BackendJob,
  cancelled,
  type CompileResult,
  type Distributor,
  type DistributorContext,
  type Endpoint,
} from 'dtlto/plugin'
import { ContentFiles, type Distributing, distribute, isToBlame, resultOf, type WrittenJob, writeJob } from './batch.js'
import { Caretaker } from './caretaker.js'

/** All jobs of any link. */
const ALL = 10_000

interface Waiting {
  readonly job: BackendJob
  readonly attempt: Attempt
  resolve(result: CompileResult): void
  reject(error: Error): void
}

export interface Gathering {
  readonly program: string
  readonly args: readonly string[]
  readonly compiler: string
  /** Jobs a run; 0: all. */
  readonly batch: number
  /** Runs at a time. */
  readonly programs: number
  readonly timeoutMs: number
}

export class External implements Distributor {
  readonly #context: DistributorContext
  readonly #how: Gathering
  readonly #directory: string
  readonly #caretaker: Caretaker
  readonly #contents: ContentFiles
  readonly #destroyed = new AbortController()
  readonly #waiting: Waiting[] = []
  readonly #runs = new Set<Promise<void>>()
  readonly #endpoints: readonly Endpoint[]
  #isGathering = false
  #jobs = 0
  #batches = 0
  #closing: Promise<void> | undefined

  constructor(context: DistributorContext, how: Gathering) {
    this.#context = context
    this.#how = how
    this.#directory = mkdtempSync(join(tmpdir(), 'dtlto-external-'))
    this.#caretaker = new Caretaker(this.#directory)
    this.#contents = new ContentFiles(join(this.#directory, 'contents'))
    this.#endpoints = [
      {
        id: how.program,
        slots: Math.min(ALL, how.programs * (how.batch === 0 ? ALL : how.batch)),
        accepting: true,
        // When it begins with which job it does not tell: of several it is known when they are done that they have begun.
        hasQueue: true,
        queueLimitMs: how.timeoutMs,
      },
    ]
  }

  endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  compile(job: BackendJob, _endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> {
    return new Promise((resolve, reject) => {
      if (this.#destroyed.signal.aborted || attempt.signal.aborted) {
        reject(cancelled())
        return
      }
      const abort = (): void => {
        reject(cancelled())
      }
      attempt.signal.addEventListener('abort', abort)
      const settled = (): void => {
        attempt.signal.removeEventListener('abort', abort)
      }
      this.#waiting.push({
        job,
        attempt,
        resolve(result) {
          settled()
          resolve(result)
        },
        reject(error) {
          settled()
          reject(error)
        },
      })
      this.#gather()
    })
  }

  async close(): Promise<void> {
    this.#closing ??= (async () => {
      while (this.#runs.size > 0 || this.#waiting.length > 0) {
        await Promise.allSettled(this.#runs)
        await new Promise((resolve) => setImmediate(resolve))
      }
      this.destroy()
      await this.#caretaker.isDone()
    })()
    await this.#closing
  }

  destroy(): void {
    if (this.#destroyed.signal.aborted) return
    this.#destroyed.abort()
    for (const waiting of this.#waiting.splice(0)) waiting.reject(cancelled())
    this.#caretaker.end()
    remove(this.#directory)
  }

  /** The scheduler sends what it can at once: who comes in the same turn of the event loop goes together. */
  #gather(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    setImmediate(() => {
      this.#isGathering = false
      while (this.#runs.size < this.#how.programs && this.#waiting.length > 0) {
        const count = this.#how.batch === 0 ? this.#waiting.length : this.#how.batch
        const run = this.#run(this.#waiting.splice(0, count)).finally(() => {
          this.#runs.delete(run)
          if (this.#waiting.length > 0) this.#gather()
        })
        this.#runs.add(run)
      }
    })
  }

  async #run(all: readonly Waiting[]): Promise<void> {
    const directory = join(this.#directory, `batch-${String(this.#batches++)}`)
    try {
      mkdirSync(directory)
      const written = await this.#write(all)
      if (written.length > 0) await this.#distribute(written, directory)
    } catch (error) {
      for (const waiting of all) waiting.reject(error as Error)
    } finally {
      remove(directory)
    }
  }

  async #write(all: readonly Waiting[]): Promise<readonly (Waiting & { readonly files: WrittenJob })[]> {
    const written = await Promise.all(
      all.map(async (waiting) => {
        if (waiting.attempt.signal.aborted) return []
        const files = await writeJob(waiting.job, `${this.#directory}/job-${String(this.#jobs++)}/`, this.#contents)
        if (!('kind' in files)) return [{ ...waiting, files }]
        waiting.resolve(files)
        return []
      }),
    )
    return written.flat()
  }

  async #distribute(jobs: readonly (Waiting & { readonly files: WrittenJob })[], directory: string): Promise<void> {
    const how: Distributing = {
      program: this.#how.program,
      args: this.#how.args,
      compiler: this.#how.compiler,
      env: this.#context.env,
      workingDirectory: this.#context.link.workingDirectory,
      caretaker: this.#caretaker,
      debug: (message) => this.#context.debug(message),
    }
    // Nobody waits for any of them, or the link is over.
    const unwanted = new AbortController()
    const abort = (): void => {
      if (this.#destroyed.signal.aborted || jobs.every(({ attempt }) => attempt.signal.aborted)) unwanted.abort()
    }
    const signals = [this.#destroyed.signal, ...jobs.map(({ attempt }) => attempt.signal)]
    for (const signal of signals) signal.addEventListener('abort', abort)
    abort() // meanwhile, perhaps
    const run = (): void => {
      for (const { attempt } of jobs) attempt.started()
    }
    try {
      if (this.#how.batch === 1) run()
      await distribute(
        jobs.map(({ files }) => files),
        directory,
        how,
        unwanted.signal,
      ).catch((error: unknown) => blame(jobs, error))
      if (this.#how.batch !== 1) run()
      await Promise.all(
        jobs.map(async (waiting) => {
          try {
            waiting.resolve(await resultOf(waiting.files))
          } catch (error) {
            waiting.reject(error as Error)
          }
        }),
      )
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', abort)
      for (const { files } of jobs) remove(files.directory)
    }
  }
}

/** What something of a program still writes to is left to the caretaker, which comes last. */
function remove(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch {
    // See above.
  }
}

/** What has no object but has diagnostics is at fault, or was compiled when another was; the linker finds out. */
async function blame(jobs: readonly (Waiting & { readonly files: WrittenJob })[], error: unknown): Promise<void> {
  for (const waiting of jobs)
    if (await isToBlame(waiting.files)) waiting.resolve({ kind: 'does-not-compile', diagnostics: [] })
  throw error
}
