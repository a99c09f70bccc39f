/**
 * An engine and its storage, for one link: an action becomes a result. This is where the protocol is as servers really are; what a result means for a job is
 * in outcome.ts.
 */
import { DtltoError, orAborted } from 'dtlto/plugin'
import type { JobAction } from './action.js'
import type { Blob } from './blob.js'
import type { Compression } from './compression.js'
import { checkExecution, checkStorage, getCapabilities } from './capabilities.js'
import { cachedResult, Execution, updateResult, type Watching } from './execution.js'
import type { ActionResult, ServerCapabilities } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { Channel } from './grpc/channel.js'
import { CODE, RpcError } from './grpc/status.js'
import { Invocation } from './request-metadata.js'
import { Store } from './store.js'
import { asTrouble } from './trouble.js'

export interface EngineOptions {
  /** Undefined: a cache that executes nothing. */
  readonly executor: Channel | undefined
  readonly storage: Channel
  readonly instanceName: string
  readonly priority: number
  readonly acceptCached: boolean
  readonly compression: Compression
  /** Aborted when the link ends. */
  readonly signal: AbortSignal
}

export interface Executed {
  readonly result: ActionResult
  /** It was in the action cache. */
  readonly isCached: boolean
  readonly sendMs: number
  /** How long it waited here, uploaded, until there was room for it at the engine. */
  readonly heldMs: number
  /** From then to the result, by this machine's clock. */
  readonly executeMs: number
  /** How many jobs the action had; times of the worker are those of all. Default 1. */
  readonly jobs?: number
}

export interface Capabilities {
  readonly storage: ServerCapabilities
  /** Undefined: nobody executes. */
  readonly executor: ServerCapabilities | undefined
}

/** Where a result came from decides what to try when its outputs are not there. */
export type CacheUse = 'ask' | 'skip'

export class Engine {
  readonly store: Store
  readonly invocation = new Invocation()
  readonly #options: EngineOptions
  #checked: Promise<void> | undefined
  #capabilities: Capabilities | undefined
  /** Whether the action cache takes results from clients, by what its server says. Known after `check`. */
  takesResults = false

  constructor(options: EngineOptions) {
    this.#options = options
    const { storage, instanceName, signal, compression } = options
    this.store = new Store(storage, { instanceName, signal, headers: this.invocation.headers() }, compression)
  }

  /** HOST:PORT, for people. */
  get target(): string {
    return (this.#options.executor ?? this.#options.storage).target
  }

  /** The same, of the server that stores. */
  get storageTarget(): string {
    return this.#options.storage.target
  }

  /** What the servers say of themselves, when `check` has found it good. */
  async capabilities(): Promise<Capabilities> {
    await this.check()
    return this.#capabilities as Capabilities
  }

  get canExecute(): boolean {
    return this.#options.executor !== undefined
  }

  /** Rejects with a DtltoError unless the servers can do what is needed. Asked once, and again after trouble that may pass. */
  async check(): Promise<void> {
    const checked = (this.#checked ??= this.#check())
    try {
      await checked
    } catch (error) {
      if (this.#checked === checked) this.#checked = undefined
      throw error
    }
  }

  /** The result of an earlier execution of the same action. Rejects with RpcError. */
  async lookUp(action: JobAction, watching: Watching): Promise<ActionResult | undefined> {
    if (!this.#options.acceptCached) return undefined
    const result = await cachedResult(this.#options.storage, this.#options, action, watching)
    // Failures are cached by some; they may have been the worker's.
    return result?.exitCode === 0 ? result : undefined
  }

  /** Puts a result into the action cache, its outputs and the action before. Rejects with RpcError. */
  async publish(action: JobAction, result: ActionResult, outputs: readonly Blob[], signal: AbortSignal): Promise<void> {
    // What the action reads need not be there, says the protocol, but the action itself and its command, which are the last ones.
    await orAborted(this.store.ensure([...outputs, ...action.blobs.slice(-2)]), signal)
    const options = { signal, headers: this.invocation.headers(action.digest.hash) }
    await updateResult(this.#options.storage, this.#options, action, result, options)
  }

  /** Uploads what is missing, and executes. `room`: waited for in between; what it gives is called when the engine has done with the action. Rejects with RpcError. */
  async execute(
    action: JobAction,
    cache: CacheUse,
    watching: Watching,
    now: () => number,
    room?: () => Promise<() => void>,
  ): Promise<Executed> {
    const { executor, acceptCached } = this.#options
    if (executor === undefined) throw new RpcError(CODE.UNIMPLEMENTED, 'this is a cache')
    const startedMs = now()
    await orAborted(this.store.ensure(action.blobs, watching.precedence), watching.signal)
    const sentMs = now()
    watching.onSent?.()
    const leave = await room?.()
    const heldMs = now() - sentMs
    try {
      const executed = await this.#execute(executor, action, cache === 'skip' || !acceptCached, watching, now)
      return { ...executed, sendMs: sentMs - startedMs, heldMs }
    } finally {
      leave?.()
    }
  }

  async #execute(
    executor: Channel,
    action: JobAction,
    skip: boolean,
    watching: Watching,
    now: () => number,
  ): Promise<Omit<Executed, 'sendMs' | 'heldMs'>> {
    const sinceMs = now()
    const run = async (skipCacheLookup: boolean) => {
      const { result, cachedResult: isCached } = await new Execution(executor, this.#options, action, watching).run(
        skipCacheLookup,
      )
      if (result === undefined) throw new RpcError(CODE.INTERNAL, 'a response without a result')
      return { result, isCached, executeMs: now() - sinceMs }
    }
    const executed = await run(skip).catch(async (error: unknown) => {
      if (!(await this.#uploadLost(action, error, watching.signal))) throw error
      return await run(skip)
    })
    // Some keep failures for good, and not all were the job's.
    return executed.isCached && executed.result.exitCode !== 0 && !skip ? await run(true) : executed
  }

  /**
   * Whether the execution has failed because inputs are not there any more, which are uploaded again. Servers say so in three ways: with the digests that are missing,
   * with FAILED_PRECONDITION or NOT_FOUND and no more, or with INTERNAL and a text. Whoever names none is asked for all of them.
   */
  async #uploadLost(action: JobAction, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (!(error instanceof RpcError) || !MAY_BE_LOST.has(error.code) || signal.aborted) return false
    const { store } = this
    // All, whatever is named: a directory that is missing may stand for what is in it.
    store.forget(action.blobs.map(({ digest }) => digest.hash))
    const sentBlobs = await orAborted(store.ensure(action.blobs), signal)
    return error.missing.length > 0 || sentBlobs > 0
  }

  async #check(): Promise<void> {
    const { executor, storage, instanceName, signal, compression } = this.#options
    const call = { signal, headers: this.invocation.headers() }
    let asked = storage
    try {
      const ofStorage = await getCapabilities(storage, instanceName, call)
      checkStorage(storage.target, ofStorage)
      this.takesResults = ofStorage.cacheCapabilities?.actionCacheUpdateCapabilities?.updateEnabled === true
      if (ofStorage.cacheCapabilities !== undefined) compression.announced(ofStorage.cacheCapabilities)
      this.store.limitBatches(ofStorage.cacheCapabilities?.maxBatchTotalSizeBytes ?? 0)
      this.#capabilities = { storage: ofStorage, executor: undefined }
      if (executor === undefined) return
      asked = executor
      const ofExecutor = executor === storage ? ofStorage : await getCapabilities(executor, instanceName, call)
      checkExecution(executor.target, ofExecutor)
      this.#capabilities = { storage: ofStorage, executor: ofExecutor }
    } catch (error) {
      throw wrongInstance(error, instanceName) ?? asTrouble(error, asked.target)
    }
  }
}

const MAY_BE_LOST: ReadonlySet<number> = new Set([CODE.FAILED_PRECONDITION, CODE.NOT_FOUND, CODE.INTERNAL])

function wrongInstance(error: unknown, instanceName: string): DtltoError | undefined {
  if (!(error instanceof RpcError) || !(error.code === CODE.INVALID_ARGUMENT || error.code === CODE.NOT_FOUND))
    return undefined
  const what = `the instance name '${instanceName}' is refused (${error.message}): look at option remote_instance_name`
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', what, { cause: error })
}
