/**
 * A clock that jumps from timer to timer. What happens "at the same time" happens in the order in which the timers were set, and
 * all promises settle before the next timer fires, so a run is the same every time, and hours pass in milliseconds.
 */
export class VirtualClock {
  #nowMs = 0
  #sequence = 0
  /** A binary heap, the next timer first. Cancelled timers stay until they reach the top. */
  readonly #timers: Timer[] = []

  now(): number {
    return this.#nowMs
  }

  setTimer(atMs: number, fn: () => void): () => void {
    const timer: Timer = { atMs: Math.max(this.#nowMs, atMs), sequence: this.#sequence++, fn }
    this.#push(timer)
    return () => (timer.fn = undefined)
  }

  /** Resolves after `ms` of virtual time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.setTimer(this.#nowMs + ms, resolve))
  }

  /**
   * Lets time pass until the promise settles, and gives its result. Throws if no timer is left or `limitMs` has
   * come and the promise still waits: then it never would settle.
   */
  async run<T>(promise: Promise<T>, limitMs = 100 * 3_600_000): Promise<T> {
    let settled = false
    const settle = (): void => void (settled = true)
    promise.then(settle, settle)
    for (;;) {
      await settleAll()
      if (settled) return await promise
      const timer = this.#pop()
      if (timer === undefined)
        throw new Error(`the promise can never settle: no timer is left at ${String(this.#nowMs)} ms of virtual time`)
      if (timer.atMs > limitMs)
        throw new Error(`the promise has not settled within ${String(limitMs)} ms of virtual time`)
      this.#nowMs = timer.atMs
      timer.fn?.()
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >>> 1
      const above = heap[parent]
      if (above === undefined || !earlier(timer, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#timers
    for (;;) {
      const top = heap[0]
      const last = heap.pop()
      if (top === undefined || last === undefined) return undefined
      if (heap.length > 0) this.#sink(last)
      if (top.fn !== undefined) return top
    }
  }

  #sink(timer: Timer): void {
    const heap = this.#timers
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let below = heap[child]
      const right = heap[child + 1]
      if (below !== undefined && right !== undefined && earlier(right, below)) [child, below] = [child + 1, right]
      if (below === undefined || !earlier(below, timer)) break
      heap[at] = below
      at = child
    }
    heap[at] = timer
  }
}

interface Timer {
  readonly atMs: number
  readonly sequence: number
  fn: (() => void) | undefined
}

function earlier(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}

/** A macrotask: by then every microtask, however long the chain of promises, has run. */
function settleAll(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
