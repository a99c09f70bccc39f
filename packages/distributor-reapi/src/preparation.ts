/**
 * What comes before a job is executed: its action, and a look into the action cache. While endpoints are busy the next jobs are prepared ahead, several together, and what they
 * need is uploaded: the questions for what is missing, and the uploads, are then one call for all of them, and when a job's turn comes, it is executed at once.
 */
import {
  type BackendJob,
  type CannotExpress,
  contentDigests,
  type JobPackage,
  LookAhead,
  orAborted,
  takeTurn,
  type WaitingJobs,
} from 'dtlto/plugin'
import type { JobAction } from './action.js'
import type { Blob } from './blob.js'
import type { Compiler } from './compilers.js'
import type { Engine } from './engine.js'
import type { Watching } from './execution.js'
import type { ActionResult } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

/** Jobs that are prepared ahead at a time. */
const TOGETHER = 8
/**
 * Jobs that are prepared and not asked for. While the longest jobs fill all slots the linker has hardly anything to do, and when hundreds of short ones follow them, its time is what they
 * wait for: ffmpeg over 128 slots takes 6.6 s with 32, 6.3 with 256, 6.3 with 2,000. Some ten kilobytes each.
 */
const MOST_AHEAD = 512
/** Of outputs that came with results which nobody has asked for. Of further results they are read again when somebody does. */
const MOST_INLINED = 16 * 1024 ** 2

export interface PreparedJob {
  readonly kind: 'prepared'
  readonly packed: JobPackage
  readonly action: JobAction
  /** What the action cache has. To be called when somebody wants the result; rejects with RpcError. */
  readonly lookUp: (watching: Watching) => Promise<ActionResult | undefined>
}

type Prepared = PreparedJob | CannotExpress

/** Neither rejects. */
interface LookedUp {
  readonly made: Promise<unknown>
  /** What the job needs, if the action cache does not have its result. */
  readonly missing: Promise<readonly Blob[]>
  readonly precedence: number
}

interface Ahead {
  readonly prepared: Promise<Prepared>
  /** Of outputs that came with the result. */
  inlinedBytes: number
}

export interface PreparationOptions {
  readonly engine: Engine
  readonly compiler: Compiler
  /** Whether what jobs need is uploaded for each of them by itself. */
  readonly mayUpload: () => boolean
  /** Aborted when nobody wants anything of this any more. */
  readonly signal: AbortSignal
}

export class Preparation {
  readonly #options: PreparationOptions
  readonly #ahead = new Map<BackendJob, Ahead>()
  readonly #starts = new Map<BackendJob, number>()
  #inlinedBytes = 0
  readonly #lookAhead = new LookAhead({
    together: TOGETHER,
    most: MOST_AHEAD,
    make: (jobs) => this.#makeAhead(jobs),
    forget: (job) => void this.#take(job),
  })

  constructor(options: PreparationOptions) {
    this.#options = options
  }

  /** What `Distributor.prepare` gets. */
  begin(jobs: readonly BackendJob[], waiting: WaitingJobs): void {
    // A cache that executes nothing is asked for each job within a time that counts from its turn.
    if (!this.#options.engine.canExecute) return
    for (const [i, job] of jobs.entries()) this.#starts.set(job, i)
    this.#lookAhead.begin(jobs, waiting)
  }

  /** To be called when the job is asked for; returns what is to be called when it was sent to the engine, or will not be. */
  asked(job: BackendJob): () => void {
    return this.#lookAhead.asked(job)
  }

  /** Rejects with RpcError, with DTLTO_CANCELLED if `signal` is aborted before. */
  async prepare(job: BackendJob, signal: AbortSignal): Promise<Prepared> {
    const ahead = this.#take(job)
    if (ahead === undefined) return await this.#make(job, signal)
    return await orAborted(ahead.prepared, signal).catch((error: unknown) => {
      if (signal.aborted) throw error
      return this.#make(job, signal)
    })
  }

  /** Those first that start earlier, and all of them after jobs that were asked for, whose precedence is their cost. */
  #aheadOf(job: BackendJob): number {
    return -1 - (this.#starts.get(job) ?? 0)
  }

  end(): void {
    this.#lookAhead.end()
    this.#ahead.clear()
    this.#starts.clear()
  }

  #take(job: BackendJob): Ahead | undefined {
    const ahead = this.#ahead.get(job)
    this.#ahead.delete(job)
    this.#inlinedBytes -= ahead?.inlinedBytes ?? 0
    return ahead
  }

  /** A result that may have to wait, with as much of its outputs as may be kept. */
  #kept(job: BackendJob, result: ActionResult): ActionResult {
    const bytes = result.outputFiles.reduce((sum, { contents }) => sum + contents.length, 0)
    const ahead = this.#ahead.get(job)
    if (bytes === 0 || ahead === undefined) return result
    if (this.#inlinedBytes + bytes > MOST_INLINED)
      return { ...result, outputFiles: result.outputFiles.map((file) => ({ ...file, contents: Buffer.alloc(0) })) }
    ahead.inlinedBytes = bytes
    this.#inlinedBytes += bytes
    return result
  }

  async #make(job: BackendJob, signal: AbortSignal): Promise<Prepared> {
    const { engine, compiler } = this.#options
    const packed = await orAborted(job.package(), signal)
    if (packed.kind === 'cannot') return packed
    // These are computed in slices, or on other threads, of many jobs at a time.
    await orAborted(contentDigests(packed), signal)
    await takeTurn(job.cost)
    const action = await orAborted(compiler.action(packed), signal)
    if (action.kind === 'cannot') return action
    return { kind: 'prepared', packed, action, lookUp: (watching) => engine.lookUp(action, watching) }
  }

  /** Resolves when this machine has done its part: answers are waited for while the next ones are made. */
  async #makeAhead(jobs: readonly BackendJob[]): Promise<void> {
    const looked = jobs.map((job) => this.#lookUpAhead(job))
    void this.#uploadAhead(looked)
    await Promise.all(looked.map(({ made }) => made))
  }

  #lookUpAhead(job: BackendJob): LookedUp {
    const { engine, signal } = this.#options
    const made = this.#make(job, signal)
    const found = made.then(async (prepared) => {
      if (prepared.kind === 'cannot') return undefined
      const headers = engine.invocation.headers(prepared.action.digest.hash, job.moduleId)
      const result = await prepared.lookUp({ signal, headers, precedence: job.cost, onExecuting: () => undefined })
      return result && this.#kept(job, result)
    })
    const prepared = made.then((prepared): Prepared => {
      if (prepared.kind === 'cannot') return prepared
      return { ...prepared, lookUp: (watching) => found.catch(() => prepared.lookUp(watching)) }
    })
    this.#ahead.set(job, { prepared, inlinedBytes: 0 })
    // What goes wrong goes wrong again, or not, when the job is asked for.
    const missing = Promise.all([made, found]).then(
      ([prepared, result]) => (prepared.kind === 'prepared' && result === undefined ? prepared.action.blobs : []),
      () => [],
    )
    return { made: prepared.catch(() => undefined), missing, precedence: this.#aheadOf(job) }
  }

  async #uploadAhead(looked: readonly LookedUp[]): Promise<void> {
    const { engine, mayUpload } = this.#options
    const missing = await Promise.all(looked.map(({ missing }) => missing))
    if (!mayUpload()) return
    // In one turn of the event loop, so that they share calls.
    const uploads = looked.map(({ precedence }, i) => engine.store.ensure(missing[i] ?? [], precedence))
    await Promise.allSettled(uploads)
  }
}
