import {
  abortedWith,
  type Attempt,
  type BackendJob,
  cancelled,
  type CompileResult,
  type Distributor,
  type DistributorContext,
  DtltoError,
  type Endpoint,
  type FinishedJob,
  orAborted,
  type SelfCheck,
  type WaitingJobs,
  whileNone,
} from 'dtlto/plugin'
import type { JobAction } from './action.js'
import type { Compiler } from './compilers.js'
import type { Engine, Executed } from './engine.js'
import { engineTimes, workerName } from './engine-times.js'
import type { Watching } from './execution.js'
import type { Executions } from './executions.js'
import type { ActionResult } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'
import type { InFlight } from './in-flight.js'
import { OutputsLost, outcomeOf } from './outcome.js'
import { LOOKUP_MS, Patience } from './patience.js'
import type { Preparation, PreparedJob } from './preparation.js'
import { selfCheck } from './self-check.js'
import { asTrouble } from './trouble.js'
import type { Uploads } from './uploads.js'

export interface Parts {
  readonly engine: Engine
  readonly compiler: Compiler
  readonly inFlight: InFlight
  readonly executions: Executions
  readonly preparation: Preparation
  /** Checks the compiler of the worker's image. */
  readonly checkCompiler: () => Promise<void>
  readonly uploads: Uploads
  /** What the options say of the action cache. */
  readonly reads: boolean
  readonly writes: boolean
  /** The address to which secrets go unencrypted. */
  readonly exposed: string | undefined
  readonly close: () => void
}

/** One engine is one endpoint: it has its own queue, and chooses the machines. */
export class Reapi implements Distributor {
  readonly #context: DistributorContext
  readonly #parts: Parts
  readonly #running = new Set<Promise<unknown>>()
  readonly #destroyed = new AbortController()
  readonly #totals = { executed: 0, cached: 0 }
  /** What the cache had for these was given to the linker. Whoever asks again could not use it. */
  readonly #givenFromCache = new WeakSet<BackendJob>()
  #isClosed = false
  readonly #patience: Patience

  constructor(context: DistributorContext, parts: Parts) {
    this.#context = context
    this.#parts = parts
    this.#patience = new Patience(() => context.now())
  }

  endpoints(): readonly Endpoint[] {
    const { engine, executions } = this.#parts
    return [{ id: engine.target, slots: executions.slots, accepting: !this.#isClosed, hasQueue: true }]
  }

  prepare(jobs: readonly BackendJob[], _signal: AbortSignal, waiting: WaitingJobs): Promise<void> {
    this.#parts.preparation.begin(jobs, waiting)
    return Promise.resolve()
  }

  async probe(_endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const { engine, checkCompiler } = this.#parts
    try {
      await orAborted(
        engine.check().then(() => checkCompiler()),
        signal,
      )
    } catch (error) {
      throw asTrouble(error, engine.target)
    }
  }

  compile(job: BackendJob, _endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> {
    const { signal, end } = abortedWith(attempt.signal, this.#context.signal, this.#destroyed.signal)
    const { inFlight } = this.#parts
    inFlight.began()
    const running = this.#compile(
      job,
      signal,
      once(() => attempt.started()),
      once(() => attempt.sent?.()),
    )
    const watched = running
      .catch(() => undefined)
      .finally(() => {
        end()
        inFlight.ended()
        this.#running.delete(watched)
      })
    this.#running.add(watched)
    return running
  }

  storeResult(finished: FinishedJob, signal: AbortSignal): Promise<void> {
    return whileNone([signal, this.#destroyed.signal], (either) => this.#parts.uploads.store(finished, either))
  }

  selfCheck(signal: AbortSignal): Promise<readonly SelfCheck[]> {
    return whileNone([signal, this.#destroyed.signal], (either) => selfCheck(this.#parts, either))
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
    if (this.#isClosed) return
    const { engine, executions, uploads } = this.#parts
    const { store } = engine
    const { sentBlobs, sentBytes, askedBlobs } = store.totals
    this.#context.debug(
      `reapi: ${this.#totals.executed} jobs executed, ${this.#totals.cached} from the action cache; ${sentBlobs} of ${askedBlobs} blobs sent, ` +
        `${sentBytes} bytes; ${store.receivedBytes} bytes received; up to ${this.#parts.inFlight.most} jobs at a time`,
    )
    const { grouped } = executions
    if (grouped.actions > 0) this.#context.debug(`reapi: ${grouped.jobs} jobs in ${grouped.actions} actions`)
    if (uploads.stored > 0) this.#context.debug(`reapi: ${uploads.stored} results stored`)
    this.destroy()
  }

  destroy(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#destroyed.abort()
    this.#parts.preparation.end()
    this.#parts.close()
  }

  async #compile(
    job: BackendJob,
    signal: AbortSignal,
    started: () => void,
    tellSent: () => void,
  ): Promise<CompileResult> {
    const { engine, inFlight, preparation } = this.#parts
    const nothingOnItsWay = preparation.asked(job)
    const sent = (): void => {
      tellSent()
      nothingOnItsWay()
    }
    try {
      const prepared = await preparation.prepare(job, signal)
      return prepared.kind === 'cannot' ? prepared : await this.#run(job, prepared, { signal, started, sent })
    } catch (error) {
      if (signal.aborted) throw cancelled(error)
      if (error instanceof RpcError && error.code === CODE.RESOURCE_EXHAUSTED) inFlight.refused()
      throw asTrouble(error, engine.target)
    } finally {
      nothingOnItsWay()
    }
  }

  async #run(
    job: BackendJob,
    { packed, action, lookUp }: PreparedJob,
    { signal, started, sent }: Told,
  ): Promise<CompileResult> {
    const { engine } = this.#parts
    const headers = engine.invocation.headers(action.digest.hash, job.moduleId)
    const watching: Watching = { signal, headers, precedence: job.cost, onSent: sent, onExecuting: started }
    const read = (result: ActionResult, reading = signal) =>
      outcomeOf(
        result,
        action,
        { moduleId: job.moduleId, packed },
        { read: (digest) => engine.store.read(digest, reading) },
      )

    if (!engine.canExecute) return await this.#fromCacheAlone(job, action, watching, read)
    if (this.#givenFromCache.has(job)) return await this.#anew(job, action, watching, read)
    const cached = await orAborted(lookUp(watching), signal)
    if (cached === undefined) {
      const executed = await this.#parts.executions.execute(action, job.cost, watching)
      return await this.#executed(job, executed, action, watching, read)
    }
    started()
    sent()
    try {
      const outcome = await read(cached)
      this.#parts.inFlight.lookedUp()
      return this.#hit(job, outcome)
    } catch (error) {
      if (!this.#isUseless(error, job)) throw error
      return await this.#anew(job, action, watching, read)
    }
  }

  /** Whether what the cache has is no result, which is told once if it is damaged. It would give the same again, and the engine replaces it. */
  #isUseless(error: unknown, job: BackendJob): boolean {
    if (error instanceof OutputsLost) return true
    if (!isDamaged(error)) return false
    const what = `the cached result of '${job.moduleId}' is damaged: ${error.message}; it is made anew`
    this.#context.warn('damaged', what)
    return true
  }

  async #anew(
    job: BackendJob,
    action: JobAction,
    watching: Watching,
    read: (result: ActionResult) => Promise<CompileResult>,
  ): Promise<CompileResult> {
    return await this.#executed(job, await this.#parts.executions.executeAnew(action, watching), action, watching, read)
  }

  /** Where patience ends, nobody asks any more, and this machine compiles: patience.ts. */
  async #fromCacheAlone(
    job: BackendJob,
    action: JobAction,
    watching: Watching,
    read: (result: ActionResult, signal: AbortSignal) => Promise<CompileResult>,
  ): Promise<CompileResult> {
    const { engine } = this.#parts
    const patience = this.#patience
    watching.onExecuting()
    if (this.#givenFromCache.has(job)) return NOT_THERE
    const late = AbortSignal.timeout(LOOKUP_MS)
    const { signal, end } = abortedWith(watching.signal, late)
    const beganMs = this.#context.now()
    const tookMs = (): number => this.#context.now() - beganMs
    patience.began()
    try {
      const cached = await orAborted(engine.lookUp(action, { ...watching, signal }), signal)
      const outcome = cached && (await orAborted(read(cached, signal), signal))
      const why = patience.ended(tookMs(), outcome !== undefined)
      if (outcome !== undefined) return this.#hit(job, outcome)
      if (why !== undefined) throw this.#noMore(why)
    } catch (error) {
      if (watching.signal.aborted) {
        // Nobody hears of this any more, but the next look-up shows it.
        patience.ended(tookMs(), false)
        throw error
      }
      if (late.aborted) {
        const what = `has not answered within ${LOOKUP_MS / 1000} s`
        if (patience.late()) throw this.#noMore(`${what}, twice`)
        return { kind: 'cannot', reason: `'${engine.target}' ${what}` }
      }
      if (!this.#isUseless(error, job)) throw error
    } finally {
      end()
    }
    return NOT_THERE
  }

  #noMore(why: string): DtltoError {
    const { engine, uploads } = this.#parts
    uploads.giveUp()
    return new DtltoError('DTLTO_ENDPOINT_REFUSED', `'${engine.target}' ${why}: it is not asked any more`)
  }

  #hit(job: BackendJob, outcome: CompileResult): CompileResult {
    this.#totals.cached++
    this.#givenFromCache.add(job)
    return withFigures(outcome, { timings: {}, worker: 'action cache' })
  }

  async #executed(
    job: BackendJob,
    first: Executed,
    action: JobAction,
    watching: Watching,
    read: (result: ActionResult) => Promise<CompileResult>,
  ): Promise<CompileResult> {
    const now = (): number => this.#context.now()
    let executed = first
    watching.onExecuting()
    let readAtMs = now()
    let outcome: CompileResult
    try {
      outcome = await read(executed.result)
    } catch (error) {
      if (!(error instanceof OutputsLost || (executed.isCached && this.#isUseless(error, job)))) throw error
      executed = await this.#parts.executions.executeAnew(action, watching)
      readAtMs = now()
      outcome = await read(executed.result).catch((again: unknown) => {
        throw again instanceof OutputsLost
          ? new DtltoError('DTLTO_OBJECT_REJECTED', again.message, { cause: again })
          : again
      })
    }
    this.#totals[executed.isCached ? 'cached' : 'executed']++
    if (executed.isCached) this.#givenFromCache.add(job)
    const { timings, worker } = figuresOf(executed)
    return withFigures(outcome, { timings: { ...timings, receiveMs: now() - readAtMs }, worker })
  }
}

const NOT_THERE: CompileResult = { kind: 'cannot', isMiss: true, reason: 'the remote cache does not have it' }

/** Other bytes than those of a digest, or no object. */
function isDamaged(error: unknown): error is Error {
  if (error instanceof RpcError) return error.code === CODE.DATA_LOSS
  return DtltoError.is(error) && error.code === 'DTLTO_OBJECT_REJECTED'
}

/** What the attempt is told. */
interface Told {
  readonly signal: AbortSignal
  readonly started: () => void
  readonly sent: () => void
}

interface Figures {
  readonly timings: Extract<CompileResult, { kind: 'object' }>['timings']
  readonly worker: string | undefined
}

function withFigures(outcome: CompileResult, { timings, worker }: Figures): CompileResult {
  if (outcome.kind === 'cannot') return outcome
  const named = worker === undefined ? {} : { worker }
  return outcome.kind === 'object' ? { ...outcome, timings, ...named } : { ...outcome, ...named }
}

/** Of a job that shared its action: its share. */
function figuresOf({ result, isCached, sendMs, heldMs, executeMs, jobs = 1 }: Executed): Figures {
  if (isCached) return { timings: { sendMs }, worker: 'action cache' }
  const { ranMs, queuedMs, fetchMs, handOverMs } = engineTimes(result.executionMetadata)
  const worker = workerName(result.executionMetadata)
  if (ranMs === undefined) return { timings: { sendMs, queuedMs: heldMs, compileMs: executeMs }, worker }
  const timings = {
    sendMs,
    queuedMs: heldMs + (queuedMs ?? Math.max(0, executeMs - ranMs / jobs)),
    compileMs: ranMs / jobs,
    ...(fetchMs !== undefined && { fetchMs: fetchMs / jobs }),
    ...(handOverMs !== undefined && { handOverMs: handOverMs / jobs }),
  }
  return { timings, worker }
}

function once(call: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    call()
  }
}
