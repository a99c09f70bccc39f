/**
 * Endpoints by what they can take now.
 *
 * A farm may have thousands of endpoints, and a link tens of thousands of jobs, each of which frees one slot. So nothing looks at all endpoints for
 * each job: an endpoint that changes is noted, and put where it belongs before the next job is placed. Sets keep the order in which
 * endpoints came into them, so the same events give the same decisions.
 */
import type { EndpointExecutor } from './endpoint.js'
import type { Estimates } from './estimate.js'
import { Fastest } from './fastest.js'

/** Free endpoints that are asked again for each job. */
const MOST_ASKED_AGAIN = 100

export class Roster {
  /** Take ordinary work. */
  readonly available = new Set<EndpointExecutor>()
  /** Of those: have a free slot. */
  readonly free = new Set<EndpointExecutor>()
  /** Of those: have a slot that no job of the link has seen. */
  readonly unseen = new Set<EndpointExecutor>()
  /** Wait for a job that shows whether they work again. */
  readonly rested = new Set<EndpointExecutor>()
  /** Wait for their distributor's probe. */
  readonly unprobed = new Set<EndpointExecutor>()
  readonly fastest: Fastest
  /** Free, but nothing that waits is for them: not looked at before they change, or before the next pulse. */
  readonly #idle = new Set<EndpointExecutor>()
  readonly #unavailable = new Set<EndpointExecutor>()
  readonly #noted = new Set<EndpointExecutor>()
  readonly #slotsOf = new Map<EndpointExecutor, number>()
  #slots = 0
  /** When the first of the rests ends. */
  #wakeMs = Infinity

  constructor(estimates: Estimates) {
    this.fastest = new Fastest(this.available, estimates)
  }

  /** Of all that are available. */
  get slots(): number {
    return this.#slots
  }

  /** The endpoint has changed. */
  note(endpoint: EndpointExecutor): void {
    this.#noted.add(endpoint)
  }

  /** No free endpoint should take anything that waits. A few may be asked again for each job; many may not. */
  setIdle(): void {
    if (this.free.size <= MOST_ASKED_AGAIN) return
    for (const endpoint of this.free) this.#idle.add(endpoint)
    this.free.clear()
  }

  /** Time has passed: what was too long for them may not be any more. */
  askIdle(): void {
    for (const endpoint of this.#idle) this.free.add(endpoint)
    this.#idle.clear()
  }

  update(nowMs: number): void {
    if (nowMs >= this.#wakeMs) {
      this.#wakeMs = Infinity
      for (const endpoint of this.#unavailable) this.#noted.add(endpoint)
    }
    if (this.#noted.size === 0) return
    for (const endpoint of this.#noted) {
      endpoint.refresh(nowMs)
      this.#place(endpoint)
    }
    this.#noted.clear()
  }

  #place(endpoint: EndpointExecutor): void {
    const { available, breaker } = endpoint
    put(this.available, endpoint, available)
    put(this.#unavailable, endpoint, !available)
    this.#idle.delete(endpoint)
    put(this.free, endpoint, endpoint.hasFreeSlot)
    put(this.unseen, endpoint, endpoint.wantsScout)
    put(this.rested, endpoint, endpoint.wantsProbeJob)
    put(this.unprobed, endpoint, endpoint.wantsProbe)
    const slots = available ? endpoint.limit : 0
    this.#slots += slots - (this.#slotsOf.get(endpoint) ?? 0)
    this.#slotsOf.set(endpoint, slots)
    if (breaker.kind === 'resting') this.#wakeMs = Math.min(this.#wakeMs, breaker.untilMs)
    this.fastest.note(endpoint)
  }
}

function put(set: Set<EndpointExecutor>, endpoint: EndpointExecutor, belongs: boolean): void {
  if (belongs) set.add(endpoint)
  else set.delete(endpoint)
}
