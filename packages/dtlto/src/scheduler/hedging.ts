import type { Attempt } from './attempt.js'
import type { Estimates } from './estimate.js'
import type { JobState } from './job-state.js'
import type { Lane } from './lane.js'
import { horizon, type Board } from './placement.js'
import type { Policy } from './policy.js'

/**
 * Which running jobs to start a second time, somewhere else.
 *
 * An attempt is *late* when it has taken longer than results so far make likely; what remains of it is then taken to be
 * as long as it has lasted already (a machine that is ten times too slow does not get better by waiting); when it is merely
 * overdue, half of that. A duplicate pays if it should be done clearly before that. At the tail, where slots are idle, it costs nothing. Before the tail it costs
 * work of others; but waiting for the tail would be wrong for the longest jobs, which start first: one that got stuck must start
 * anew while the rest of the link is still longer than itself.
 */
export interface Hedge {
  readonly attempt: Attempt
  /** Lanes that the duplicate may not go to. */
  readonly excluded: ReadonlySet<number>
}

export function hedges(
  board: Board,
  jobs: readonly JobState[],
  estimates: Estimates,
  duplicatesWaiting: number,
): Hedge[] {
  const { lanes, pending, policy, nowMs } = board
  const tail = pending.size === duplicatesWaiting
  const slots = lanes.reduce((sum, lane) => sum + (lane.available ? lane.limit : 0), 0)
  const free = lanes.reduce((sum, lane) => sum + (lane.available ? Math.max(0, lane.limit - lane.inFlight.size) : 0), 0)
  const room = (tail ? free : Math.ceil(slots / 20)) - duplicatesWaiting
  if (room <= 0) return []

  const horizonMs = tail ? 0 : horizon(board)
  const found: { readonly hedge: Hedge; readonly lateness: number }[] = []
  for (const lane of lanes) {
    for (const attempt of lane.inFlight) {
      if (attempt.state.kind !== 'running') continue
      const late = isLate(attempt, estimates, nowMs, policy)
      const elapsedMs = nowMs - attempt.startedMs
      // Local work that waits in its backlog is no news.
      const suspect = !lane.isLocal || elapsedMs > expectedNow(attempt)
      const outlasts = suspect && remainingOf(attempt, late, nowMs) > horizonMs
      if (!late && !outlasts && !tail) continue
      const state = jobs[attempt.job]
      if (state === undefined || pending.has(attempt.job)) continue
      // A duplicate that is late itself may be duplicated; the latest attempt speaks for all.
      if (state.live.at(-1) !== attempt) continue
      const excluded = excludedForDuplicate(attempt, state, lanes, state.hedges >= policy.maxHedges)
      const freshMs = fastest(lanes, excluded, attempt.units)
      if (!pays(attempt, freshMs, estimates, nowMs, policy, policy.hedgeGain)) continue
      if (!tail && freshMs * policy.hedgeAhead < horizonMs) continue
      found.push({ hedge: { attempt, excluded }, lateness: elapsedMs / expectedNow(attempt) })
    }
  }
  found.sort((a, b) => b.lateness - a.lateness || a.hedge.attempt.job - b.hedge.attempt.job)
  return found.slice(0, room).map(({ hedge }) => hedge)
}

export function isLate(attempt: Attempt, estimates: Estimates, nowMs: number, policy: Policy): boolean {
  const leastMs = estimates.blind ? policy.lateFloorBlindMs : policy.lateFloorMs
  return nowMs - attempt.startedMs > Math.max(leastMs, estimates.lateFactor * expectedNow(attempt))
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
  const elapsedMs = nowMs - attempt.startedMs
  if (late) return elapsedMs
  const expectedMs = expectedNow(attempt)
  return elapsedMs <= expectedMs ? expectedMs - elapsedMs : elapsedMs / 2
}

/** With what is known now: at the start it may have been a guess. */
function expectedNow(attempt: Attempt): number {
  return attempt.waitMs + attempt.lane.estimate.provenMs(attempt.units)
}

/**
 * A duplicate avoids the lane of the first attempt, unless that lane works and is most of what there is: a large farm has other
 * machines. Work of this machine is never duplicated on this machine: that could only slow both down. When duplicates did not
 * help (`localOnly`), this machine may still try.
 */
function excludedForDuplicate(
  attempt: Attempt,
  state: JobState,
  lanes: readonly Lane[],
  localOnly: boolean,
): ReadonlySet<number> {
  const excluded = new Set([...state.cannotOn.keys(), ...state.failedOn])
  if (state.live.some((live) => live.lane.isOnThisMachine)) {
    for (const lane of lanes) if (lane.isOnThisMachine) excluded.add(lane.index)
  }
  if (localOnly) for (const lane of lanes) if (!lane.isLocal) excluded.add(lane.index)
  const busy = new Set(state.live.map((live) => live.lane))
  let others = 0
  for (const lane of lanes) if (!busy.has(lane) && lane.available && !excluded.has(lane.index)) others += lane.limit
  const avoid = !attempt.lane.proven || attempt.lane.stalled || busy.size > 1 || others >= attempt.lane.limit
  if (avoid && others > 0) for (const lane of busy) excluded.add(lane.index)
  return excluded
}

function fastest(lanes: readonly Lane[], excluded: ReadonlySet<number>, units: number): number {
  let bestMs = Infinity
  for (const lane of lanes) {
    if (!lane.available || lane.stalled || excluded.has(lane.index)) continue
    bestMs = Math.min(bestMs, lane.estimate.expectedMs(units))
  }
  return bestMs
}
