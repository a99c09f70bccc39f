/**
 * What waits, that of the costliest job first, equal ones in the order in which they came. Jobs are asked for by the hundred, and each needs the event loop, other threads and calls several
 * times before it can be sent: first come, first served, the job that ends the link would be sent with the last.
 */
export class ByCost<T> {
  /** The next one last. */
  readonly #waiting: { readonly cost: number; readonly item: T }[] = []

  get size(): number {
    return this.#waiting.length
  }

  /** `cost`: as `BackendJob.cost`. */
  add(cost: number, item: T): void {
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#waiting[middle]?.cost ?? 0) < cost) low = middle + 1
      else high = middle
    }
    this.#waiting.splice(low, 0, { cost, item })
  }

  take(): T | undefined {
    return this.#waiting.pop()?.item
  }
}
