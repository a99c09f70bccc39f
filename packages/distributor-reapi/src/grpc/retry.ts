/**
 * Calls that may be repeated, repeated: for trouble that passes (a restart, a GOAWAY, a full queue), a few times within some seconds. What lasts longer is
 * the scheduler's, which has other places for a job. The codes are those that Bazel and its relatives retry.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CODE, RpcError } from './status.js'

const TRIES = 4
const FIRST_MS = 100
const FACTOR = 3
/** A server that asks for more patience than this gets its job back later, from the scheduler. */
const MOST_PATIENCE_MS = 20_000

const PASSING: ReadonlySet<number> = new Set([
  // Not by us: a server that goes away resets its streams so.
  CODE.CANCELLED,
  CODE.UNKNOWN,
  CODE.DEADLINE_EXCEEDED,
  CODE.RESOURCE_EXHAUSTED,
  CODE.ABORTED,
  CODE.INTERNAL,
  CODE.UNAVAILABLE,
])

export function mayPass(error: unknown): error is RpcError {
  return error instanceof RpcError && PASSING.has(error.code)
}

/** Runs `call` until it succeeds, fails for good, or `signal` is aborted. */
export async function retrying<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call()
    } catch (error) {
      if (!mayPass(error) || tried === TRIES || signal.aborted) throw error
      await pause(error, tried, signal)
      if (signal.aborted) throw error
    }
  }
}

/** Waits after the `tried`-th failure, or until `signal` is aborted. Rejects with the error where the server asks for too much patience. */
export async function pause(error: RpcError, tried: number, signal: AbortSignal): Promise<void> {
  const waitMs = pauseMs(error, tried)
  if (waitMs > MOST_PATIENCE_MS) throw error
  await sleep(waitMs, undefined, { signal }).catch(() => undefined)
}

/** How long: as the server says, else 0.1, 0.3, 0.9 s, each up to 40 % shorter, so that clients do not come all at once. */
function pauseMs({ retryDelayMs }: RpcError, tried: number): number {
  if (retryDelayMs !== undefined) return Math.max(0, retryDelayMs)
  return FIRST_MS * FACTOR ** (tried - 1) * (1 - 0.4 * Math.random())
}
