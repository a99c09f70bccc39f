/** Where a job may go next, after what has happened to it so far. Nothing in this file changes anything. */
import { DtltoError } from '../errors.js'
import type { DistributorState } from './distributor-state.js'
import type { EndpointExecutor } from './endpoint.js'
import { Exclusion, HOME_ONLY, NOTHING_EXCLUDED } from './exclusion.js'
import type { HomeExecutor } from './home.js'
import type { JobState } from './job-state.js'
import type { Policy } from './policy.js'

/** Who there is to take jobs. */
export interface Takers {
  readonly home: HomeExecutor | undefined
  readonly endpoints: readonly EndpointExecutor[]
  readonly distributors: readonly DistributorState[]
  readonly policy: Policy
}

export type Route =
  /** To any endpoint that is not excluded, and to this machine where it takes part. */
  | { readonly kind: 'anywhere'; readonly exclusion: Exclusion }
  /** To this machine alone. */
  | { readonly kind: 'home'; readonly exclusion: Exclusion }
  | { readonly kind: 'nowhere' }

/**
 * A retry avoids the endpoints that failed on the job, until all have; then a new round starts. After too many troubles, when
 * nobody is left who can express it, or when a remote compiler refused it, the job is for this machine alone. Where this machine is out of
 * the question, a job that came to endpoints that worked and have stopped waits for them.
 */
export function routeOf(state: JobState, takers: Takers): Route {
  const { home, endpoints, policy } = takers
  const mayRetry = state.failures < policy.maxAttempts || (home === undefined && isVictim(state))
  if (state.refusal === undefined && mayRetry && hasTaker(state, takers))
    return { kind: 'anywhere', exclusion: exclusionOf(state, endpoints, []) }
  return home === undefined ? { kind: 'nowhere' } : { kind: 'home', exclusion: HOME_ONLY }
}

/** Whether an endpoint could express the job; or home takes part. */
function hasTaker(state: JobState, { home, endpoints, distributors }: Takers): boolean {
  if (home !== undefined && distributors.length === 0) return true
  if (distributors.some(({ mayBringEndpoints, name }) => mayBringEndpoints && !state.cannot.has(name))) return true
  return endpoints.some((endpoint) => mayExpress(state, endpoint))
}

function mayExpress(state: JobState, endpoint: EndpointExecutor): boolean {
  return !endpoint.retired && !state.cannot.has(endpoint.distributorName) && !state.cannotThere.has(endpoint)
}

/** Everybody who cannot express the job, those who failed on it in the current round, and `more`. */
export function exclusionOf(
  state: JobState,
  endpoints: readonly EndpointExecutor[],
  more: Iterable<number>,
): Exclusion {
  const executors = new Set(more)
  for (const { index } of state.cannotThere) executors.add(index)
  for (const { index } of failedInRound(state, endpoints)) executors.add(index)
  return executors.size === 0 && state.cannot.size === 0
    ? NOTHING_EXCLUDED
    : new Exclusion(state.cannot.keys(), executors)
}

/** A round ends when every endpoint that could express the job has failed on it. */
function failedInRound(state: JobState, endpoints: readonly EndpointExecutor[]): ReadonlySet<EndpointExecutor> {
  const failed = new Set<EndpointExecutor>()
  if (state.troubles.length === 0) return failed
  const able = endpoints.filter((endpoint) => mayExpress(state, endpoint))
  for (const { endpoint } of state.troubles) {
    failed.add(endpoint)
    if (able.every((other) => failed.has(other))) failed.clear()
  }
  return failed
}

/**
 * As far as anybody can tell its endpoints have failed, and not the job: they worked before, none has compiled anything that it began
 * after the job first failed, and none has answered with what is no object: whoever answers is there.
 */
function isVictim({ troubles }: JobState): boolean {
  const sinceMs = troubles[0]?.atMs ?? 0
  return (
    troubles.some(({ endpoint }) => endpoint.proven) &&
    troubles.every(({ error }) => error.code !== 'DTLTO_OBJECT_REJECTED') &&
    troubles.every(({ endpoint }) => (endpoint.workedAtMs ?? sinceMs) <= sinceMs)
  )
}

/** DTLTO_NO_DISTRIBUTOR_LEFT with the module and, for each endpoint, what the last attempt died of; at another job if need be. */
export function noDistributorLeft(state: JobState, { distributors, endpoints, policy }: Takers): DtltoError {
  const causes = new Map<string, string>()
  for (const distributor of distributors) {
    const reason = state.cannot.get(distributor.name)
    if (reason !== undefined) causes.set(distributor.labelOf(distributor.name), `cannot express it: ${reason}`)
    else if (distributor.lastTrouble !== undefined)
      causes.set(distributor.labelOf(distributor.name), distributor.lastTrouble.message)
    if (reason !== undefined) continue
    for (const endpoint of endpoints) {
      if (endpoint.distributor === distributor && endpoint.lastTrouble !== undefined)
        causes.set(endpoint.label, endpoint.lastTrouble.message)
    }
  }
  for (const { endpoint, error } of state.troubles) causes.set(endpoint.label, error.message)
  const last = [...causes].slice(-5).map(([label, message]) => `${label}: ${message}`)
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
