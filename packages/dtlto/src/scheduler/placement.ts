import type { Lane } from './lane.js'
import type { Group, Pending } from './pending.js'
import type { Policy } from './policy.js'

/** A job and the lane that should take it now. */
export interface Place {
  readonly job: number
  readonly lane: Lane
}

/** What placing needs to know; made once for each round of dispatching. */
export interface Board {
  readonly lanes: readonly Lane[]
  readonly pending: Pending
  readonly units: Float64Array
  readonly policy: Policy
  readonly nowMs: number
  /** Of all primaries that take work. */
  readonly slots: number
  /** Whether local lanes may be filled beyond their slots: not when a free slot elsewhere could use the job soon. */
  readonly backlog: boolean
}

/**
 * The next job to start and where, or undefined when every free slot should stay free.
 *
 * The longest waiting job goes to the free lane that should finish it first. That alone would hand the longest jobs to a
 * lane ten times slower as soon as the fast ones are full, and the whole link would wait for it. So a lane that is
 * clearly slower than the best one gets only what it should finish well before the rest of the link is done (the *horizon*), a
 * shorter job, or none; unless the better ones are so busy that even they would be done with the long job later. (Without that, long jobs wait
 * behind longer ones: among many lanes the best one's speed is always luck in part, and few others seem as good.)
 */
export function nextPlace(board: Board): Place | undefined {
  const { pending, units, policy } = board
  let best: (Place & { readonly good: boolean }) | undefined
  let horizonMs = -1
  for (const group of pending.groups) {
    const job = pending.first(group)
    if (best !== undefined && !pending.before(job, best.job)) continue
    const size = units[job] ?? 0
    const { lane, bestMs } = fastestFree(board, group, size)
    if (lane === undefined) continue
    const ms = lane.estimate.expectedMs(size)
    best = {
      job,
      lane,
      good:
        ms <= bestMs * policy.goodEnough ||
        ms <= (horizonMs < 0 ? (horizonMs = policy.slowShare * horizon(board)) : horizonMs) ||
        ms <= earliestFinish(board, group, size),
    }
  }
  if (best === undefined || best.good) return best
  return somethingShorter(board, horizonMs)
}

/** The rested lanes' one job each: the shortest, as it may never come back. */
export function nextProbe(board: Board): Place | undefined {
  for (const lane of board.lanes) {
    if (!lane.wantsProbe) continue
    let job = -1
    for (const group of board.pending.groups) {
      const shortest = group.jobs[0]
      if (shortest === undefined || !admits(board, group, lane)) continue
      if (job < 0 || board.pending.before(job, shortest)) job = shortest
    }
    if (job >= 0) return { job, lane }
  }
  return undefined
}

/**
 * A remote slot that no job of this link has seen yet gets a *scout*: a job so short that the link hardly notices. The longest jobs start
 * when the scouts come back, a moment later; and by then the machines that are dead or crawl have not come back, so they do
 * not get the longest jobs, which nothing could make up for. That works for farms that hide their machines, too.
 */
export function nextScout(board: Board): Place | undefined {
  const { lanes, pending, units, policy } = board
  if (policy.scoutShare <= 0) return undefined
  for (const lane of lanes) {
    if (!lane.wantsScout || pending.size < 2 * lane.limit) continue
    for (const group of pending.groups) {
      if (!admits(board, group, lane)) continue
      const wholeUnits = Math.max(units[pending.first(group)] ?? 0, pending.work / (board.slots + 1))
      const job = pending.longestWithin(group, wholeUnits * policy.scoutShare)
      if (job >= 0) return { job, lane }
    }
  }
  return undefined
}

/** Milliseconds until everything that waits and runs should be done, if all slots share it evenly. */
export function horizon(board: Board): number {
  let work = board.pending.work
  let rate = 0
  for (const lane of board.lanes) {
    if (!lane.available || lane.isFallback || lane.stalled) continue
    work += lane.remainingMs(board.nowMs) / lane.estimate.msPerUnit
    rate += lane.limit / lane.estimate.msPerUnit
  }
  return rate > 0 ? work / rate : Infinity
}

/** Whether a group's jobs may go to a lane now. */
export function admits(board: Board, group: Group, lane: Lane): boolean {
  if (group.excluded.has(lane.index)) return false
  return !lane.isFallback || group.openToFallback || allGone(board, group)
}

/** The fallback also steps in when every primary that a job could go to is gone, until one is back. */
function allGone(board: Board, group: Group): boolean {
  return board.lanes.every((lane) => lane.isFallback || group.excluded.has(lane.index) || lane.gone(board.nowMs))
}

/** The free lane that should finish a job first; and what the best lane, free or not, would take: a full one will be free soon. */
function fastestFree(
  board: Board,
  group: Group,
  size: number,
): { readonly lane: Lane | undefined; readonly bestMs: number } {
  let found: Lane | undefined
  let foundMs = Infinity
  let foundFree = false
  let bestMs = Infinity
  for (const lane of board.lanes) {
    if (!lane.available) continue
    const free = lane.inFlight.size < lane.limit
    if (lane.stalled && !(free && lane.proven)) continue
    if (!admits(board, group, lane)) continue
    const ms = lane.estimate.expectedMs(size)
    if (!lane.stalled && ms < bestMs) bestMs = ms
    if (!free && !(board.backlog && lane.hasBacklogRoom)) continue
    // A slot that is free now comes before a place in a backlog.
    if (found === undefined || (free && !foundFree) || (free === foundFree && ms < foundMs))
      [found, foundMs, foundFree] = [lane, ms, free]
  }
  return { lane: found, bestMs: Number.isFinite(bestMs) ? bestMs : foundMs }
}

/** When a job could be done at the earliest, if it waited for whichever lane that would be. From now, in milliseconds. */
function earliestFinish(board: Board, group: Group, size: number): number {
  let earliestMs = Infinity
  for (const lane of board.lanes) {
    if (!lane.available || lane.stalled || !admits(board, group, lane)) continue
    const ms = lane.estimate.expectedMs(size)
    if (ms < earliestMs) earliestMs = Math.min(earliestMs, lane.untilFreeMs(board.nowMs) + ms)
  }
  return earliestMs
}

function somethingShorter(board: Board, horizonMs: number): Place | undefined {
  let best: Place | undefined
  for (const lane of board.lanes) {
    if (!lane.hasFreeSlot) continue
    const units = (horizonMs - lane.estimate.latencyMs) / lane.estimate.msPerUnit
    for (const group of board.pending.groups) {
      if (!admits(board, group, lane)) continue
      const job = board.pending.longestWithin(group, units)
      if (job >= 0 && (best === undefined || board.pending.before(job, best.job))) best = { job, lane }
    }
  }
  return best
}
