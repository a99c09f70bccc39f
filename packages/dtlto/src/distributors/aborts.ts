/** Waiting that ends when nobody wants its result any more: many waits on a signal, with one listener. */
import { DtltoError } from '../errors.js'

interface Waiting {
  readonly calls: Set<() => void>
  readonly listener: () => void
}

/**
 * What is to be called when a signal is aborted: each signal has one listener for all of it. A job waits a dozen times, and to add a listener to a signal and take it away takes
 * longer than most that it waits for. So those of `abortedWith`, which are a job's alone, keep theirs; others lose it when nobody waits.
 */
const waiting = new WeakMap<AbortSignal, Waiting>()
const ours = new WeakSet<AbortSignal>()

/** Calls `call` when `signal` is aborted; at once, if it is already. Returns what ends that. */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) {
    call()
    return () => undefined
  }
  const { calls, listener } = waiting.get(signal) ?? listenTo(signal)
  calls.add(call)
  return () => {
    if (!calls.delete(call) || calls.size > 0 || ours.has(signal)) return
    signal.removeEventListener('abort', listener)
    waiting.delete(signal)
  }
}

function listenTo(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>()
  const listener = (): void => {
    for (const call of calls) call()
  }
  const made = { calls, listener }
  waiting.set(signal, made)
  signal.addEventListener('abort', listener, { once: true })
  return made
}

/**
 * A signal that is aborted with any of these, until `end` is called. Those of `AbortSignal.any` are kept by Node 20 for as long as the link's signal once somebody listens to
 * them: one for each job.
 */
export function abortedWith(...signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal
  readonly end: () => void
} {
  const controller = new AbortController()
  ours.add(controller.signal)
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

/** What a job that is not wanted any more is rejected with. `cause`: what came of it. */
export function cancelled(cause?: unknown): DtltoError {
  return new DtltoError('DTLTO_CANCELLED', 'the job was cancelled', cause === undefined ? {} : { cause })
}

/** Waits for `work`, which goes on when `signal` is aborted, for it belongs to others, too: who waits here stops, with DTLTO_CANCELLED. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(cancelled()))
    work.finally(forget).then(resolve, reject)
  })
}
