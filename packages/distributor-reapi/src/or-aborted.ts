import { CODE, RpcError } from './grpc/status.js'

/**
 * What is to be called when a signal is aborted: each signal has one listener for all of it. A job waits a dozen times, and to add a listener to a signal and take it away takes
 * longer than most that it waits for.
 */
const calls = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `call` when `signal` is aborted; at once, if it is already. Returns what ends that. */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) {
    call()
    return () => undefined
  }
  const all = calls.get(signal) ?? callsOf(signal)
  all.add(call)
  return () => all.delete(call)
}

function callsOf(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>()
  calls.set(signal, all)
  const callAll = (): void => {
    for (const call of all) call()
  }
  signal.addEventListener('abort', callAll, { once: true })
  return all
}

/** Aborted with any of them, until `end` is called. `AbortSignal.any` makes signals that Node keeps for good once something waits for them. */
export function abortedWith(...signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal
  readonly end: () => void
} {
  const controller = new AbortController()
  const ends = signals.map((signal) => onAbort(signal, () => controller.abort(signal.reason)))
  return {
    signal: controller.signal,
    end: () => {
      for (const end of ends) end()
    },
  }
}

/** Runs `work` with a signal that is aborted with any of them. */
export async function whileNone<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, end } = abortedWith(...signals)
  try {
    return await work(signal)
  } finally {
    end()
  }
}

/** What belongs to the link goes on; whoever waits for it stops. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => {
      reject(new RpcError(CODE.CANCELLED, 'the job is not wanted any more'))
    })
    work.finally(forget).then(resolve, reject)
  })
}
