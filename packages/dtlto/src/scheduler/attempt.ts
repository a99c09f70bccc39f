import type { BackendJob, Distributor } from '../distributors/interface.js'
import type { StartReason } from './events.js'
import type { Lane } from './lane.js'
import { copyThrown } from './result-shape.js'

/** One call of a distributor's `compile`. */
export interface Attempt {
  /** Unique within the link. */
  readonly id: number
  /** Position of its job in the list of jobs. */
  readonly job: number
  readonly lane: Lane
  readonly reason: StartReason
  readonly startedMs: number
  readonly units: number
  /** How long it should wait in a local backlog. Beyond that it should take what its lane's estimate says. */
  readonly waitMs: number
  /** Both, as known at the start. */
  readonly expectedMs: number
  readonly controller: AbortController
  state: AttemptState
}

export type AttemptState =
  /** Waiting for the distributor. */
  | { readonly kind: 'running' }
  /** The distributor has answered; `accept` has the object. */
  | { readonly kind: 'accepting' }
  /** Aborted, but not settled: its slot is still taken. */
  | { readonly kind: 'abandoned'; readonly sinceMs: number }
  /** Settled, or written off because it ignored the abort. */
  | { readonly kind: 'over' }

/** Calls `compile` so that whatever the plugin does (throws at once, returns no promise) ends in a promise, and what it throws is an error. */
export function callCompile(distributor: Distributor, job: BackendJob, signal: AbortSignal): Promise<unknown> {
  // The executor runs at once, and what it throws is the rejection.
  return new Promise((resolve) => {
    resolve(distributor.compile(job, signal))
  }).catch((thrown: unknown) => {
    throw copyThrown(thrown)
  })
}
