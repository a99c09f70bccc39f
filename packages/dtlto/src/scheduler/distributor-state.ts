import type { Distributor } from '../distributors/interface.js'
import type { DtltoError } from '../errors.js'
import type { Policy } from './policy.js'

/** A distributor of the link, as the caller names it. */
export interface DistributorSpec {
  /** Unique within the link; shown in events and errors. */
  readonly name: string
  /** A promise while it opens. */
  readonly distributor: Distributor | Promise<Distributor>
  /** Tells that the distributor called `statusChanged`. Returns how to stop. */
  readonly onStatusChanged?: (listener: () => void) => () => void
  /** Other links have endpoints of the same names, which are others: what they remember of theirs says nothing. Default: they are the same. */
  readonly hasOwnEndpoints?: boolean
}

/** What is known of one distributor beside its endpoints. */
export class DistributorState {
  readonly name: string
  readonly spec: DistributorSpec
  /** Undefined while it opens, and when opening failed. */
  distributor: Distributor | undefined
  /** How many endpoints it has shown. */
  endpoints = 0
  preparing = false
  retired = false
  /** Until an object has come of whose job it has not said that it was sent. */
  saysSent = true
  lastTrouble: DtltoError | undefined
  /** Why it could not express the latest of the jobs that it could not. */
  lastCannot: string | undefined
  /** It is a cache, and did not have a job. */
  hasMissed = false
  /** Attempts in all, and those whose object is the job's. */
  started = 0
  placed = 0
  /** When it was sent its first job. */
  firstSentMs: number | undefined
  readonly #sinceMs: number
  readonly #policy: Policy

  constructor(spec: DistributorSpec, nowMs: number, policy: Policy) {
    this.spec = spec
    this.name = spec.name
    this.#sinceMs = nowMs
    this.#policy = policy
  }

  get opening(): boolean {
    return this.distributor === undefined && !this.retired
  }

  /** Endpoints may come that it has not shown yet. */
  get mayBringEndpoints(): boolean {
    return !this.retired && this.endpoints === 0
  }

  get ready(): boolean {
    return this.distributor !== undefined && !this.preparing && !this.retired
  }

  /** It tells by itself whether an endpoint works. */
  get probes(): boolean {
    return this.distributor?.probe !== undefined
  }

  /** It has no endpoints, and not had for so long that jobs should not wait for any. (Endpoints speak for themselves.) */
  gone(nowMs: number): boolean {
    return this.retired || this.endpoints > 0 || nowMs - this.#sinceMs >= this.#policy.patienceMs
  }

  /** For messages: its name, and the endpoint's where that is another. */
  labelOf(endpointId: string): string {
    return endpointId === this.name ? `'${this.name}'` : `'${this.name}' (${endpointId})`
  }
}
