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
  /** Indexes of lanes that failed on this job in the current round. */
  readonly failedOn: Set<number>
  /** Indexes of lanes that cannot express it, and why. */
  readonly cannotOn: Map<number, string>
  /** What went wrong, oldest first. */
  readonly troubles: Trouble[]
  deadlinesMissed: number
  /** A remote compiler's verdict, to be confirmed on this machine. */
  refusal: { readonly lane: Lane; readonly result: DoesNotCompile } | undefined
  result: ScheduleResult | undefined
}

interface Trouble {
  readonly lane: Lane
  readonly error: DtltoError
  readonly atMs: number
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
    cannotOn: new Map(),
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
 * nobody is left who can express it, or when a remote compiler refused it, the job is for this machine alone. Where this machine is out of
 * the question, a job that came to distributors that worked and have stopped waits for them.
 */
export function routeOf(state: JobState, lanes: readonly Lane[], policy: Policy): Route {
  const mayExpress = (lane: Lane): boolean => !lane.retired && !state.cannotOn.has(lane.index)
  const local = lanes.filter((lane) => lane.isLocal && mayExpress(lane))
  const mayRetry = state.troubles.length < policy.maxAttempts || (local.length === 0 && isVictim(state))
  if (state.refusal === undefined && mayRetry) {
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
  const localTroubles = state.troubles.filter((trouble) => trouble.lane.isLocal).length
  if (local.length === 0 || localTroubles >= LOCAL_ATTEMPTS) return { kind: 'nowhere' }
  return { kind: 'last-resort', excluded: allBut(lanes, (lane) => local.includes(lane)) }
}

/**
 * As far as anybody can tell its distributors have failed, and not the job: they worked before, and none has compiled anything that it began
 * after the job first failed.
 */
function isVictim({ troubles }: JobState): boolean {
  const sinceMs = troubles[0]?.atMs ?? 0
  return (
    troubles.some(({ lane }) => lane.proven) && troubles.every(({ lane }) => (lane.workedAtMs ?? sinceMs) <= sinceMs)
  )
}

/** DTLTO_NO_DISTRIBUTOR_LEFT with the module and, for each distributor, what the last attempt died of; at another job if need be. */
export function noDistributorLeft(state: JobState, lanes: readonly Lane[], policy: Policy): DtltoError {
  const causes = new Map<string, string>()
  for (const { name, index, lastTrouble } of lanes) {
    const reason = state.cannotOn.get(index)
    if (reason !== undefined) causes.set(name, `cannot express it: ${reason}`)
    else if (lastTrouble !== undefined) causes.set(name, lastTrouble.message)
  }
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
