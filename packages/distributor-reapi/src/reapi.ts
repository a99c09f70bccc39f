import { setMaxListeners } from 'node:events'
import {
  type Attempt,
  type BackendJob,
  type CompileResult,
  type Distributor,
  type DistributorContext,
  DtltoError,
  type Endpoint,
  type FinishedJob,
  type JobPackage,
  type SelfCheck,
} from 'dtlto/plugin'
import type { JobAction } from './action.js'
import type { Compiler } from './compilers.js'
import { type CacheUse, type Engine, type Executed } from './engine.js'
import type { Watching } from './execution.js'
import type {
  ActionResult,
  ExecutedActionMetadata,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'
import type { InFlight } from './in-flight.js'
import { orAborted } from './or-aborted.js'
import { OutputsLost, outcomeOf } from './outcome.js'
import { LOOKUP_MS, Patience } from './patience.js'
import { selfCheck } from './self-check.js'
import { asTrouble } from './trouble.js'
import { Turns } from './turns.js'
import type { Uploads } from './uploads.js'

export interface Parts {
  readonly engine: Engine
  readonly compiler: Compiler
  readonly inFlight: InFlight
  /** Checks the compiler of the worker's image. */
  readonly checkCompiler: () => Promise<void>
  readonly uploads: Uploads
  /** What the options say of the action cache. */
  readonly reads: boolean
  readonly writes: boolean
  readonly close: () => void
}

/** One engine is one endpoint: it has its own queue, and chooses the machines. */
export class Reapi implements Distributor {
  readonly #context: DistributorContext
  readonly #parts: Parts
  readonly #running = new Set<Promise<unknown>>()
  readonly #destroyed = new AbortController()
  readonly #totals = { executed: 0, cached: 0 }
  #isClosed = false
  readonly #patience: Patience
  readonly #turns = new Turns()

  constructor(context: DistributorContext, parts: Parts) {
    this.#context = context
    this.#parts = parts
    this.#patience = new Patience(() => context.now())
    setMaxListeners(0, this.#destroyed.signal, context.signal)
  }

  endpoints(): readonly Endpoint[] {
    const { engine, inFlight } = this.#parts
    return [{ id: engine.target, slots: inFlight.most, accepting: !this.#isClosed, hasQueue: true }]
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
    const signal = AbortSignal.any([attempt.signal, this.#context.signal, this.#destroyed.signal])
    setMaxListeners(0, signal)
    const { inFlight } = this.#parts
    inFlight.began()
    const running = this.#compile(
      job,
      signal,
      once(() => attempt.started()),
    )
    const watched = running
      .catch(() => undefined)
      .finally(() => {
        inFlight.ended()
        this.#running.delete(watched)
      })
    this.#running.add(watched)
    return running
  }

  storeResult(finished: FinishedJob, signal: AbortSignal): Promise<void> {
    return this.#parts.uploads.store(finished, AbortSignal.any([signal, this.#destroyed.signal]))
  }

  selfCheck(signal: AbortSignal): Promise<readonly SelfCheck[]> {
    return selfCheck(this.#parts, AbortSignal.any([signal, this.#destroyed.signal]))
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
    if (this.#isClosed) return
    const { engine, uploads } = this.#parts
    const { store } = engine
    const { sentBlobs, sentBytes, askedBlobs } = store.totals
    this.#context.debug(
      `reapi: ${this.#totals.executed} jobs executed, ${this.#totals.cached} from the action cache; ${sentBlobs} of ${askedBlobs} blobs sent, ` +
        `${sentBytes} bytes; ${store.receivedBytes} bytes received; up to ${this.#parts.inFlight.most} jobs at a time`,
    )
    if (uploads.stored > 0) this.#context.debug(`reapi: ${uploads.stored} results stored`)
    this.destroy()
  }

  destroy(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#destroyed.abort()
    this.#parts.close()
  }

  async #compile(job: BackendJob, signal: AbortSignal, started: () => void): Promise<CompileResult> {
    const { engine, inFlight } = this.#parts
    try {
      const packed = await orAborted(job.package(), signal)
      if (packed.kind === 'cannot') return packed
      // These are computed on other threads, of many jobs at a time.
      await orAborted(Promise.all(packed.blobs.map(({ content }) => content.digest())), signal)
      const action = await orAborted(
        this.#turns.run(() => this.#parts.compiler.action(packed)),
        signal,
      )
      if (action.kind === 'cannot') return action
      return await this.#run(job, packed, action, signal, started)
    } catch (error) {
      if (signal.aborted) throw new DtltoError('DTLTO_CANCELLED', 'the job was cancelled', { cause: error })
      if (error instanceof RpcError && error.code === CODE.RESOURCE_EXHAUSTED) inFlight.refused()
      throw asTrouble(error, engine.target)
    }
  }

  async #run(
    job: BackendJob,
    packed: JobPackage,
    action: JobAction,
    signal: AbortSignal,
    started: () => void,
  ): Promise<CompileResult> {
    const { engine } = this.#parts
    const headers = engine.invocation.headers(action.digest.hash, job.moduleId)
    const watching: Watching = { signal, headers, onExecuting: started }
    const read = (result: ActionResult, reading = signal) =>
      outcomeOf(
        result,
        action,
        { moduleId: job.moduleId, packed },
        { read: (digest) => engine.store.read(digest, reading) },
      )

    if (!engine.canExecute) return await this.#fromCacheAlone(action, watching, read)
    const cached = await engine.lookUp(action, watching)
    if (cached === undefined) return await this.#execute(action, 'ask', watching, read)
    started()
    try {
      const outcome = await read(cached)
      this.#parts.inFlight.lookedUp()
      return this.#hit(outcome)
    } catch (error) {
      if (!(error instanceof OutputsLost)) throw error
      return await this.#execute(action, 'skip', watching, read) // it would give the same again
    }
  }

  /** Where patience ends, nobody asks any more, and this machine compiles: patience.ts. */
  async #fromCacheAlone(
    action: JobAction,
    watching: Watching,
    read: (result: ActionResult, signal: AbortSignal) => Promise<CompileResult>,
  ): Promise<CompileResult> {
    const { engine } = this.#parts
    const patience = this.#patience
    watching.onExecuting()
    const late = AbortSignal.timeout(LOOKUP_MS)
    const signal = AbortSignal.any([watching.signal, late])
    const beganMs = this.#context.now()
    const tookMs = (): number => this.#context.now() - beganMs
    patience.began()
    try {
      const cached = await orAborted(engine.lookUp(action, { ...watching, signal }), signal)
      const outcome = cached && (await orAborted(read(cached, signal), signal))
      const why = patience.ended(tookMs(), outcome !== undefined)
      if (outcome !== undefined) return this.#hit(outcome)
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
      if (!(error instanceof OutputsLost)) throw error
    }
    return { kind: 'cannot', isMiss: true, reason: 'the remote cache does not have it' }
  }

  #noMore(why: string): DtltoError {
    const { engine, uploads } = this.#parts
    uploads.giveUp()
    return new DtltoError('DTLTO_ENDPOINT_REFUSED', `'${engine.target}' ${why}: it is not asked any more`)
  }

  #hit(outcome: CompileResult): CompileResult {
    this.#totals.cached++
    return withFigures(outcome, { timings: {}, worker: 'action cache' })
  }

  async #execute(
    action: JobAction,
    cache: CacheUse,
    watching: Watching,
    read: (result: ActionResult) => Promise<CompileResult>,
  ): Promise<CompileResult> {
    const { engine } = this.#parts
    const now = (): number => this.#context.now()
    let executed = await engine.execute(action, cache, watching, now)
    watching.onExecuting()
    let readAtMs = now()
    let outcome: CompileResult
    try {
      outcome = await read(executed.result)
    } catch (error) {
      if (!(error instanceof OutputsLost)) throw error
      executed = await engine.execute(action, 'skip', watching, now)
      readAtMs = now()
      outcome = await read(executed.result).catch((again: unknown) => {
        throw again instanceof OutputsLost
          ? new DtltoError('DTLTO_OBJECT_REJECTED', again.message, { cause: again })
          : again
      })
    }
    const { timings, worker } = this.#figures(executed)
    this.#totals[executed.isCached ? 'cached' : 'executed']++
    return withFigures(outcome, { timings: { ...timings, receiveMs: now() - readAtMs }, worker })
  }

  /** The engine's own figures, where it has any; its clock is its own, so that only differences count. */
  #figures({ result, isCached, sendMs, executeMs }: Executed): Figures {
    if (isCached) return { timings: { sendMs }, worker: 'action cache' }
    const metadata = result.executionMetadata
    const ranMs = span(metadata?.executionStartTimestamp, metadata?.executionCompletedTimestamp)
    const worker = workerName(metadata)
    if (ranMs === undefined) return { timings: { sendMs, compileMs: executeMs }, worker }
    const queuedMs = span(metadata?.queuedTimestamp, metadata?.workerStartTimestamp) ?? Math.max(0, executeMs - ranMs)
    this.#parts.inFlight.executed(queuedMs, ranMs)
    return { timings: { sendMs, queuedMs, compileMs: ranMs, ...workerTimes(metadata) }, worker }
  }
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

/** What the worker did before and after it ran the compiler, where it tells. */
function workerTimes(metadata: ExecutedActionMetadata | undefined): { fetchMs?: number; handOverMs?: number } {
  const fetchMs = span(metadata?.inputFetchStartTimestamp, metadata?.inputFetchCompletedTimestamp)
  const handOverMs = span(metadata?.outputUploadStartTimestamp, metadata?.outputUploadCompletedTimestamp)
  return { ...(fetchMs !== undefined && { fetchMs }), ...(handOverMs !== undefined && { handOverMs }) }
}

function span(from: Date | undefined, to: Date | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined
  const ms = to.getTime() - from.getTime()
  return ms >= 0 && ms < 24 * 3_600_000 ? ms : undefined
}

/** Engines write what they like: Buildbarn an object in JSON. */
function workerName(metadata: ExecutedActionMetadata | undefined): string | undefined {
  const worker = metadata?.worker ?? ''
  const named = /"(?:hostname|node|pod)"\s*:\s*"([^"]{1,100})"/.exec(worker)?.[1] ?? worker
  return /^[\w.:/@-]{1,100}$/.test(named) ? named : undefined
}

function once(call: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    call()
  }
}
