/**
 * One action at the engine: look into the action cache, else upload and execute. Streams are cut in the middle of jobs, by proxies that count minutes and by
 * servers that restart; the engine goes on with the action, and WaitExecution takes the stream up again.
 */
import type { JobAction } from './action.js'
import {
  type ActionResult,
  DigestFunction_Value,
  ExecuteOperationMetadata,
  ExecuteResponse,
  ExecutionStage_Value,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { Operation } from './generated/google/longrunning/operations.js'
import type { CallOptions, Channel } from './grpc/channel.js'
import { CANCEL_OPERATION, EXECUTE, GET_ACTION_RESULT, UPDATE_ACTION_RESULT, WAIT_EXECUTION } from './grpc/methods.js'
import { mayPass, pause, retrying } from './grpc/retry.js'
import { CODE, RpcError } from './grpc/status.js'

const CALL_MS = 20_000
const CANCEL_MS = 2_000
/** How often a stream may be cut, one time after the other, before the job goes elsewhere. */
const CUTS = 8
/** One that lasted so long before it was cut says nothing against the engine: there are proxies that cut by the clock, while jobs wait in a queue. */
const LASTED_MS = 10_000

export interface EngineFacts {
  readonly instanceName: string
  readonly priority: number
}

export interface Watching {
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, Buffer>>
  /** As of calls; its uploads wait in this order, too. */
  readonly precedence?: number
  /** All that the action needs was uploaded. May be called more than once. */
  readonly onSent?: () => void
  /**
   * The action has left the engine's queue. May be called more than once. `queuedMs`: how long it was seen there; undefined where the engine has not said that it was.
   */
  readonly onExecuting: (queuedMs?: number) => void
}

/** Small outputs and texts come with the result where the server does that, and a round trip is saved. */
const inlined = ({ objectPath, resultPath }: JobAction) => ({
  inlineStdout: true,
  inlineStderr: true,
  inlineOutputFiles: [objectPath, ...(resultPath === undefined ? [] : [resultPath])].filter((path) => path !== ''),
  digestFunction: DigestFunction_Value.SHA256,
})

/** The result of an earlier execution; undefined if there is none. Rejects with RpcError. */
export async function cachedResult(
  cache: Channel,
  { instanceName }: EngineFacts,
  action: JobAction,
  options: CallOptions,
): Promise<ActionResult | undefined> {
  try {
    return await retrying(options.signal, () =>
      cache.unary(
        GET_ACTION_RESULT,
        { instanceName, actionDigest: action.digest, ...inlined(action) },
        { timeoutMs: CALL_MS, ...options },
      ),
    )
  } catch (error) {
    if (error instanceof RpcError && error.code === CODE.NOT_FOUND) return undefined
    throw error
  }
}

/** Puts a result that somebody else has made into the action cache. Rejects with RpcError. */
export async function updateResult(
  cache: Channel,
  { instanceName }: EngineFacts,
  action: JobAction,
  actionResult: ActionResult,
  options: CallOptions,
): Promise<void> {
  const request = {
    instanceName,
    actionDigest: action.digest,
    actionResult,
    resultsCachePolicy: undefined,
    digestFunction: DigestFunction_Value.SHA256,
  }
  await retrying(options.signal, () => cache.unary(UPDATE_ACTION_RESULT, request, { timeoutMs: CALL_MS, ...options }))
}

/** Executes an action whose blobs are there. Rejects with RpcError, also for what the engine says in its answer. */
export class Execution {
  readonly #channel: Channel
  readonly #facts: EngineFacts
  readonly #action: JobAction
  readonly #watching: Watching
  /** The name of the operation, and the newest of what is known of it. */
  #operation: Operation | undefined
  /** When the engine first said something of it, and not that it had begun. */
  #queuedSinceMs: number | undefined

  constructor(channel: Channel, facts: EngineFacts, action: JobAction, watching: Watching) {
    this.#channel = channel
    this.#facts = facts
    this.#action = action
    this.#watching = watching
  }

  #queuedMs(): number | undefined {
    return this.#queuedSinceMs === undefined ? undefined : performance.now() - this.#queuedSinceMs
  }

  async run(skipCacheLookup: boolean): Promise<ExecuteResponse> {
    for (let cuts = 0; ; cuts++) {
      const beganMs = performance.now()
      const cut = await this.#stream(skipCacheLookup).then(
        () => new RpcError(CODE.UNAVAILABLE, 'the stream of the execution ended before the action did'),
        (error: unknown) => error,
      )
      if (this.#operation?.done) return responseOf(this.#operation)
      if (performance.now() - beganMs >= LASTED_MS) cuts = 0
      await this.#overcome(cut, cuts)
    }
  }

  /** Waits until the stream may be taken up again; throws if it may not. */
  async #overcome(cut: unknown, cuts: number): Promise<void> {
    const { signal } = this.#watching
    if (signal.aborted) this.#cancel()
    // The engine knows nothing of the operation any more: once more from the beginning.
    const isForgotten = cut instanceof RpcError && cut.code === CODE.NOT_FOUND && this.#operation !== undefined
    if (signal.aborted || cuts === CUTS || !(isForgotten || mayPass(cut))) throw cut
    if (isForgotten) this.#operation = undefined
    else await pause(cut, Math.min(cuts + 1, 3), signal)
  }

  #stream(skipCacheLookup: boolean): Promise<void> {
    const onMessage = (operation: Operation): void => {
      this.#operation = operation
      if (hasBegun(operation)) this.#watching.onExecuting(this.#queuedMs())
      else this.#queuedSinceMs ??= performance.now()
    }
    if (this.#operation !== undefined) {
      const request = { name: this.#operation.name }
      return this.#channel.serverStream(WAIT_EXECUTION, request, this.#watching, onMessage)
    }
    const { instanceName, priority } = this.#facts
    const request = {
      instanceName,
      skipCacheLookup,
      actionDigest: this.#action.digest,
      executionPolicy: priority === 0 ? undefined : { priority },
      resultsCachePolicy: undefined,
      ...inlined(this.#action),
    }
    return this.#channel.serverStream(EXECUTE, request, this.#watching, onMessage)
  }

  /** Nobody wants it any more. Not all engines can be told, and none must. */
  #cancel(): void {
    if (this.#operation === undefined || this.#operation.done) return
    const options = { signal: AbortSignal.timeout(CANCEL_MS), timeoutMs: CANCEL_MS, headers: this.#watching.headers }
    this.#channel.unary(CANCEL_OPERATION, { name: this.#operation.name }, options).catch(() => undefined)
  }
}

/** Servers that tell nothing of stages (buildbox-casd) do not tell of a queue either: what they have taken counts as begun. */
function hasBegun({ done, metadata }: Operation): boolean {
  if (done || metadata === undefined) return true
  try {
    return ExecuteOperationMetadata.decode(metadata.value).stage >= ExecutionStage_Value.EXECUTING
  } catch {
    return false
  }
}

function responseOf({ error, response }: Operation): ExecuteResponse {
  if (error) throw RpcError.ofStatus(error)
  if (response === undefined) throw new RpcError(CODE.INTERNAL, 'an operation that is done without a response')
  const decoded = decode(response.value)
  if (decoded.status?.code) throw RpcError.ofStatus(decoded.status)
  return decoded
}

function decode(bytes: Buffer): ExecuteResponse {
  try {
    return ExecuteResponse.decode(bytes)
  } catch (error) {
    throw new RpcError(
      CODE.INTERNAL,
      `an answer that is none: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}
