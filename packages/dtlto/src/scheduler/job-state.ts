import type { BackendJob, DoesNotCompile } from '../distributors/interface.js'
import type { DtltoError } from '../errors.js'
import type { EndpointExecutor } from './endpoint.js'
import type { Attempt } from './executor.js'
import type { ScheduleResult } from './result.js'

/** Where a job stands. `live`: attempts that may still place an object, oldest first. */
export type JobPhase =
  /** In the queue; nobody works on it. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running'; readonly live: readonly Attempt[] }
  /** Late: in the queue a second time. */
  | { readonly kind: 'running-with-duplicate-waiting'; readonly live: readonly Attempt[] }
  /** An object of one of the attempts is being checked. */
  | { readonly kind: 'accepting'; readonly live: readonly Attempt[] }
  | { readonly kind: 'ended'; readonly result: ScheduleResult }

/** What the scheduler knows of one job. */
export interface JobState {
  /** Position in the list of jobs. */
  readonly position: number
  readonly job: BackendJob
  /** Changed by Jobs alone. */
  phase: JobPhase
  attempts: number
  hedges: number
  firstSentMs: number | undefined
  /** Distributors that cannot express it, and why. */
  readonly cannot: Map<string, string>
  /** Endpoints that cannot, of distributors that can. */
  readonly cannotThere: Set<EndpointExecutor>
  /** What went wrong, oldest first. */
  readonly troubles: Trouble[]
  /**
   * How many of these count against its attempts: not those of rested endpoints that it was to probe, of which there may be hundreds; but those that answered, with what is no
   * object, were there.
   */
  failures: number
  deadlinesMissed: number
  /** A remote compiler's verdict, to be confirmed by this machine. */
  refusal: { readonly endpoint: EndpointExecutor; readonly result: DoesNotCompile } | undefined
}

interface Trouble {
  readonly endpoint: EndpointExecutor
  readonly error: DtltoError
  readonly atMs: number
}

export function newJobState(job: BackendJob, position: number): JobState {
  return {
    position,
    job,
    phase: { kind: 'waiting' },
    attempts: 0,
    hedges: 0,
    firstSentMs: undefined,
    cannot: new Map(),
    cannotThere: new Set(),
    troubles: [],
    failures: 0,
    deadlinesMissed: 0,
    refusal: undefined,
  }
}

export function noteTrouble(
  state: JobState,
  endpoint: EndpointExecutor,
  attempt: Attempt,
  error: DtltoError,
  atMs: number,
): void {
  state.troubles.push({ endpoint, error, atMs })
  if (!attempt.isProbe || error.code === 'DTLTO_OBJECT_REJECTED') state.failures++
}

export function liveAttempts({ phase }: JobState): readonly Attempt[] {
  switch (phase.kind) {
    case 'waiting':
    case 'ended':
      return []
    case 'running':
    case 'running-with-duplicate-waiting':
    case 'accepting':
      return phase.live
  }
}

/** The phase of a job that has not ended, by its attempts and by whether it is in the queue. */
export function phaseOf(live: readonly Attempt[], isQueued: boolean): JobPhase {
  if (live.length === 0) return { kind: 'waiting' }
  if (live.some(({ state }) => state.kind === 'accepting')) return { kind: 'accepting', live }
  return { kind: isQueued ? 'running-with-duplicate-waiting' : 'running', live }
}
