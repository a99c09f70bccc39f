/**
 * Who should finish a job first, of all endpoints that take work, free or not.
 *
 * An endpoint needs some time for any job (latency, its queue) and some more for each unit of work. It can be the fastest for a job of some length
 * only if no other one needs less of both. Of thousands of endpoints a handful are left then, which are found anew only when one of them has changed,
 * when another one could join them, or when the link's average, which stands in for what has not been measured, has moved.
 */
import type { EndpointExecutor } from './endpoint.js'
import type { Estimates } from './estimate.js'
import type { Exclusion } from './exclusion.js'

export class Fastest {
  readonly #available: ReadonlySet<EndpointExecutor>
  readonly #estimates: Estimates
  #candidates: EndpointExecutor[] = []
  #isStale = true
  #foundAtMsPerUnit = 0

  constructor(available: ReadonlySet<EndpointExecutor>, estimates: Estimates) {
    this.#available = available
    this.#estimates = estimates
  }

  /** The endpoint's estimate or availability may be another. */
  note(endpoint: EndpointExecutor): void {
    if (this.#isStale) return
    this.#isStale =
      this.#candidates.includes(endpoint) ||
      (endpoint.available && !endpoint.stalled && !this.#candidates.some((other) => isFaster(other, endpoint)))
  }

  /** Milliseconds that the fastest endpoint outside of `exclusion` should take for `units`; Infinity if there is none. */
  bestMs(units: number, exclusion: Exclusion): number {
    this.#find()
    let best: EndpointExecutor | undefined
    let bestMs = Infinity
    for (const endpoint of this.#candidates) {
      const ms = endpoint.estimate.expectedMs(units)
      if (ms < bestMs) [best, bestMs] = [endpoint, ms]
    }
    if (best === undefined || !exclusion.has(best)) return bestMs
    bestMs = Infinity
    for (const endpoint of this.#available)
      if (!endpoint.stalled && !exclusion.has(endpoint)) bestMs = Math.min(bestMs, endpoint.estimate.expectedMs(units))
    return bestMs
  }

  #find(): void {
    const average = this.#estimates.msPerUnit
    const hasMoved = Math.abs(average - this.#foundAtMsPerUnit) > 0.02 * this.#foundAtMsPerUnit
    if (!this.#isStale && !hasMoved) return
    let found: EndpointExecutor[] = []
    for (const endpoint of this.#available) {
      if (endpoint.stalled || found.some((other) => isFaster(other, endpoint))) continue
      if (found.length > 0) found = found.filter((other) => !isFaster(endpoint, other))
      found.push(endpoint)
    }
    this.#candidates = found
    this.#isStale = false
    this.#foundAtMsPerUnit = average
  }
}

/** For jobs of any length; as fast counts. */
function isFaster({ estimate: a }: EndpointExecutor, { estimate: b }: EndpointExecutor): boolean {
  return a.latencyMs + a.queueMs <= b.latencyMs + b.queueMs && a.msPerUnit <= b.msPerUnit
}
