import type { Estimates } from './estimate.js'
import { Exclusion, NOTHING_EXCLUDED } from './exclusion.js'
import type { Attempt, Executor } from './executor.js'
import { type JobState, liveAttempts } from './job-state.js'
import type { Jobs } from './jobs.js'
import type { Board } from './placement.js'
import type { Policy } from './policy.js'
import { exclusionOf } from './route.js'

/**
 * Which running jobs to start a second time, somewhere else.
 *
 * An attempt is *late* when it has taken longer than results so far make likely; what remains of it is then taken to be
 * as long as it has lasted already (a machine that is ten times too slow does not get better by waiting); when it is merely
 * overdue, half of that. One that waits in an endpoint's own queue is not late; it is taken to wait as long again as it has. A duplicate pays
 * if it should be done clearly before that. At the tail, where slots are idle, it costs nothing. Before the tail it costs
 * work of others; but waiting for the tail would be wrong for the longest jobs, which start first: one that got stuck must start
 * anew while the rest of the link is still longer than itself.
 */
export interface Hedge {
  readonly attempt: Attempt
  /** Where the duplicate may not go. */
  readonly exclusion: Exclusion
}

export function hedges(board: Board, jobs: Jobs): Hedge[] {
  const { nowMs, endpoints, home } = board
  const { estimates, policy, roster } = endpoints
  const waiting = jobs.duplicatesWaiting
  const tail = board.pending.size === waiting
  let free = home ? freeSlots(home) : 0
  if (tail) for (const endpoint of roster.free) free += freeSlots(endpoint)
  const slots = roster.slots + (home?.limit ?? 0)
  const room = (tail ? free : Math.ceil(slots / 20)) - waiting
  if (room <= 0) return []

  const horizonMs = tail ? 0 : board.horizonMs
  const found: { readonly hedge: Hedge; readonly lateness: number }[] = []
  const look = (attempt: Attempt): void => {
    if (attempt.state.kind !== 'running') return
    const { executor, units } = attempt
    const late = isLate(attempt, estimates, nowMs, policy)
    const elapsedMs = nowMs - attempt.sentMs
    // What waits in the backlog of this machine is no news.
    const suspect = !executor.isHome || elapsedMs > expectedNow(attempt)
    const outlasts = suspect && remainingOf(attempt, late, nowMs) > horizonMs
    if (!late && !outlasts && !tail) return
    const state = jobs.of(attempt)
    // A duplicate that is late itself may be duplicated; the latest attempt speaks for all.
    if (state.phase.kind !== 'running' || state.phase.live.at(-1) !== attempt) return
    const paysAfter = (freshMs: number): boolean => pays(attempt, freshMs, estimates, nowMs, policy, policy.hedgeGain)
    // Where the duplicate may go is costly to find out, and could only be slower than the fastest of all.
    if (!paysAfter(fastest(board, NOTHING_EXCLUDED, units))) return
    const exclusion = exclusionOfDuplicate(attempt, state, board, state.hedges >= policy.maxHedges)
    const freshMs = fastest(board, exclusion, units)
    if (!paysAfter(freshMs)) return
    if (!tail && freshMs * policy.hedgeAhead < horizonMs) return
    found.push({ hedge: { attempt, exclusion }, lateness: elapsedMs / expectedNow(attempt) })
  }
  for (const attempt of home?.inFlight ?? []) look(attempt)
  for (const { inFlight } of endpoints.all) for (const attempt of inFlight) look(attempt)
  found.sort((a, b) => b.lateness - a.lateness || a.hedge.attempt.job - b.hedge.attempt.job)
  return found.slice(0, room).map(({ hedge }) => hedge)
}

function freeSlots({ limit, inFlight }: Executor): number {
  return Math.max(0, limit - inFlight.size)
}

export function isLate(attempt: Attempt, estimates: Estimates, nowMs: number, policy: Policy): boolean {
  const leastMs = estimates.blind ? policy.lateFloorBlindMs : policy.lateFloorMs
  return attempt.elapsedMs(nowMs) > Math.max(leastMs, estimates.lateFactor * expectedNow(attempt))
}

/** Whether a duplicate that takes `freshMs` should be done clearly before the attempt. */
export function pays(
  attempt: Attempt,
  freshMs: number,
  estimates: Estimates,
  nowMs: number,
  policy: Policy,
  gain: number,
): boolean {
  return remainingOf(attempt, isLate(attempt, estimates, nowMs, policy), nowMs) > freshMs * gain
}

function remainingOf(attempt: Attempt, late: boolean, nowMs: number): number {
  const expectedMs = expectedNow(attempt)
  if (attempt.startedMs === undefined) return expectedMs + attempt.queuedMs(nowMs)
  const elapsedMs = attempt.elapsedMs(nowMs)
  if (late) return elapsedMs
  return elapsedMs <= expectedMs ? expectedMs - elapsedMs : elapsedMs / 2
}

/** With what is known now: at the start it may have been a guess. */
function expectedNow(attempt: Attempt): number {
  return attempt.waitMs + attempt.executor.estimate.provenMs(attempt.units)
}

/**
 * A duplicate avoids the endpoint of the first attempt, unless that endpoint works and is most of what there is: a cluster has other
 * machines. But a second place in the queue of a cluster gains nothing, and work of this machine is never duplicated on this machine: that could
 * only slow both down. When duplicates did not help (`homeOnly`), this machine may still try.
 */
function exclusionOfDuplicate(attempt: Attempt, state: JobState, board: Board, homeOnly: boolean): Exclusion {
  const live = liveAttempts(state)
  const busy = new Set<Executor>(live.map(({ executor }) => executor))
  const atHome = [...busy].filter(({ isHome }) => isHome).map(({ index }) => index)
  if (homeOnly) return new Exclusion([], atHome, true)
  const exclusion = exclusionOf(state, board.endpoints.all, atHome)
  const { proven, stalled, limit } = attempt.executor
  let others = 0
  for (const executor of board.executors()) {
    if (others >= limit) break
    if (!busy.has(executor) && !exclusion.has(executor)) others += executor.limit
  }
  const isQueued = attempt.startedMs === undefined
  const avoid = !proven || stalled || isQueued || busy.size > 1 || others >= limit
  if (!avoid || (others === 0 && !isQueued)) return exclusion
  return exclusionOf(
    state,
    board.endpoints.all,
    [...busy].map(({ index }) => index),
  )
}

function fastest({ home, endpoints }: Board, exclusion: Exclusion, units: number): number {
  const homeMs = home && !exclusion.has(home) ? home.estimate.expectedMs(units) : Infinity
  return Math.min(homeMs, endpoints.roster.fastest.bestMs(units, exclusion))
}
