/**
 * Buffers that are used again. Requests are large and short-lived: left to the garbage collector they pile up to hundreds of megabytes, which it sees too late, for their
 * memory is not in its heap.
 */
const SMALLEST_BYTES = 1024

export class BufferPool {
  readonly #free = new Map<number, Uint8Array[]>()
  #budgetBytes: number
  #freeBytes = 0

  /** `budgetBytes`: the most that is kept for nobody. */
  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Uint8Array {
    const size = sizeClass(bytes)
    const buffer = this.#free.get(size)?.pop()
    if (buffer === undefined) return new Uint8Array(size)
    this.#freeBytes -= size
    return buffer
  }

  /** Nothing is kept any more. */
  keepNone(): void {
    this.#budgetBytes = 0
    this.clear()
  }

  clear(): void {
    this.#free.clear()
    this.#freeBytes = 0
  }

  /** Gives back what was taken, or a view on it, once: nobody reads it any more. */
  give(view: Uint8Array): void {
    const whole = new Uint8Array(view.buffer)
    const { length } = whole
    if (sizeClass(length) !== length || this.#freeBytes + length > this.#budgetBytes) return
    const free = this.#free.get(length)
    if (free) free.push(whole)
    else this.#free.set(length, [whole])
    this.#freeBytes += length
  }
}

/** Four sizes for each power of two: at most a quarter is wasted. */
function sizeClass(bytes: number): number {
  if (bytes <= SMALLEST_BYTES) return SMALLEST_BYTES
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2)
  return Math.ceil(bytes / step) * step
}
