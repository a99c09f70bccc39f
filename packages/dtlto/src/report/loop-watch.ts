/** How often it is looked whether the event loop turns. */
const LOOK_MS = 5

/** How long the event loop stands still at a time. `monitorEventLoopDelay` of Node loses what stands still when its histogram is reset, which is when a phase of a link begins. */
export class LoopWatch {
  #timer: NodeJS.Timeout | undefined
  #lookedMs = 0
  #longestMs = 0

  /** From the loop's first turn on: until then the program is loaded. */
  start(): void {
    setImmediate(() => {
      this.#lookedMs = performance.now()
      this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
    })
  }

  /** The longest since it was last asked, in milliseconds; what is shorter than a few is not seen. */
  takeLongestMs(): number {
    this.#look()
    const longestMs = this.#longestMs
    this.#longestMs = 0
    return longestMs
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    if (this.#timer === undefined) return
    const nowMs = performance.now()
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lookedMs - LOOK_MS)
    this.#lookedMs = nowMs
  }
}
