/** Time as the scheduler sees it: monotonic milliseconds and one-shot timers. Virtual in tests and in the simulator. */
export interface Clock {
  now(): number
  /** Calls `fn` once, at `atMs` or as soon after as possible; never before `setTimer` has returned. Returns its cancel. */
  setTimer(atMs: number, fn: () => void): () => void
}
