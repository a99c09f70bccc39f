import { DtltoError } from '../errors.js'
import type { BackendJob, DoesNotCompile } from '../distributors/interface.js'
import type { Attempt } from './attempt.js'
import type { Lane } from './lane.js'
import type { Policy } from './policy.js'
import type { ScheduleResult } from './result.js'

/** What the scheduler knows of one job. */
export interface JobState {
  /** Position in the list of jobs. */
  readonly position: number
  readonly job: BackendJob
  /** Attempts that may still place an object. */
  readonly live: Attempt[]
  attempts: number
  hedges: number
  firstStartMs: number | undefined
  /** Indexes of lanes that failed on this job in the current round, and of those that cannot express it. */
  readonly failedOn: Set<number>
  readonly cannotOn: Set<number>
  /** What went wrong, oldest first. */
  readonly troubles: { readonly lane: Lane; readonly error: DtltoError }[]
  deadlinesMissed: number
  /** A remote compiler's verdict, to be confirmed on this machine. */
  refusal: { readonly lane: Lane; readonly result: DoesNotCompile } | undefined
  result: ScheduleResult | undefined
}

export function newJobState(job: BackendJob, position: number): JobState {
  return {
    position,
    job,
    live: [],
    attempts: 0,
    hedges: 0,
    firstStartMs: undefined,
    failedOn: new Set(),
    cannotOn: new Set(),
    troubles: [],
    deadlinesMissed: 0,
    refusal: undefined,
    result: undefined,
  }
}

/** Where a job may go next. */
export type Route =
  /** To any primary but the excluded ones. */
  | { readonly kind: 'primaries'; readonly excluded: ReadonlySet<number> }
  /** To this machine alone. */
  | { readonly kind: 'last-resort'; readonly excluded: ReadonlySet<number> }
  | { readonly kind: 'nowhere' }

/** Troubles that a job may have on local distributors: there is nothing behind them. */
const LOCAL_ATTEMPTS = 2
const NONE: ReadonlySet<number> = new Set()

/**
 * A retry avoids the distributors that failed on the job, until all have; then a new round starts. After too many troubles, when
 * nobody is left who can express it, or when a remote compiler refused it, the job is for this machine alone.
 */
export function routeOf(state: JobState, lanes: readonly Lane[], policy: Policy): Route {
  const mayExpress = (lane: Lane): boolean => !lane.retired && !state.cannotOn.has(lane.index)
  if (state.refusal === undefined && state.troubles.length < policy.maxAttempts) {
    const primaries = lanes.filter((lane) => !lane.isFallback && mayExpress(lane))
    let next = primaries.filter((lane) => !state.failedOn.has(lane.index))
    if (next.length === 0) {
      state.failedOn.clear()
      next = primaries
    }
    if (next.length > 0)
      return {
        kind: 'primaries',
        excluded: allBut(lanes, (lane) => (lane.isFallback ? mayExpress(lane) : next.includes(lane))),
      }
  }
  const local = lanes.filter((lane) => lane.isLocal && mayExpress(lane))
  const localTroubles = state.troubles.filter((trouble) => trouble.lane.isLocal).length
  if (local.length === 0 || localTroubles >= LOCAL_ATTEMPTS) return { kind: 'nowhere' }
  return { kind: 'last-resort', excluded: allBut(lanes, (lane) => local.includes(lane)) }
}

/** DTLTO_NO_DISTRIBUTOR_LEFT with the module and what its last attempts died of. */
export function noDistributorLeft(state: JobState, policy: Policy): DtltoError {
  const causes = new Map<string, string>()
  for (const { lane, error } of state.troubles) causes.set(lane.name, error.message)
  const last = [...causes].slice(-5).map(([name, message]) => `'${name}': ${message}`)
  const why =
    policy.fallback === 'none'
      ? 'and falling back to this machine is switched off'
      : 'and this machine could not either'
  const text = `no distributor could compile '${state.job.moduleId}', ${why}; ${last.length > 0 ? last.join('; ') : 'none of them takes work'}`
  return new DtltoError('DTLTO_NO_DISTRIBUTOR_LEFT', text, {
    cause: state.troubles.at(-1)?.error,
    details: { module: state.job.moduleId, job: state.position, causes: Object.fromEntries(causes) },
  })
}

function allBut(lanes: readonly Lane[], keep: (lane: Lane) => boolean): ReadonlySet<number> {
  const excluded = lanes.filter((lane) => !keep(lane)).map((lane) => lane.index)
  return excluded.length === 0 ? NONE : new Set(excluded)
}
