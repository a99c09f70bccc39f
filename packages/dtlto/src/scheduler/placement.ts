/** Which waiting job should start now, and where. */
import type { Endpoints } from './endpoints.js'
import type { EndpointExecutor } from './endpoint.js'
import type { Executor } from './executor.js'
import type { HomeExecutor } from './home.js'
import type { Openers } from './openers.js'
import type { Group, Pending } from './pending.js'

/** A job and who should take it now. */
export interface Place {
  readonly job: number
  readonly executor: Executor
}

/** A free executor, and how many units it should finish well before the link is done. */
interface Room {
  readonly executor: Executor
  readonly units: number
}

/** What placing needs to know: one moment of the link. Made anew for each round of placing, in which time stands still and no attempt ends. */
export class Board {
  readonly home: HomeExecutor | undefined
  /** Whether this machine takes part; else it is the last resort. */
  readonly homeTakesPart: boolean
  readonly endpoints: Endpoints
  readonly pending: Pending
  readonly openers: Openers | undefined
  readonly nowMs: number
  /** Of all that take part. */
  readonly slots: number
  /** Whether this machine may be filled beyond its slots: not when a free slot elsewhere could use the job soon. */
  readonly backlog: boolean
  /** Whether a job's bytes fit into what may be in flight. */
  readonly fits: (job: number) => boolean
  /** Whether a job may show whether a rested endpoint works: it may come back from there late, and with nothing. */
  readonly mayProbe: (job: number) => boolean
  readonly #horizon: Horizon
  #horizonMs: number | undefined
  /** Ascending. */
  #rooms: Room[] | undefined

  constructor(
    facts: Pick<Board, 'home' | 'homeTakesPart' | 'endpoints' | 'pending' | 'openers' | 'nowMs' | 'fits' | 'mayProbe'>,
    horizon: Horizon,
  ) {
    const { home, homeTakesPart, endpoints, pending } = facts
    this.home = home
    this.homeTakesPart = homeTakesPart
    this.endpoints = endpoints
    this.pending = pending
    this.openers = facts.openers
    this.nowMs = facts.nowMs
    this.fits = facts.fits
    this.mayProbe = facts.mayProbe
    this.#horizon = horizon
    const { available, slots } = endpoints.roster
    this.slots = slots + (homeTakesPart ? (home?.limit ?? 0) : 0)
    this.backlog = available.size === 0 || pending.size > this.slots
  }

  unitsOf(job: number): number {
    return this.endpoints.estimates.units[job] ?? 0
  }

  /** Those that take work. */
  *executors(): IterableIterator<Executor> {
    if (this.home !== undefined) yield this.home
    yield* this.endpoints.roster.available
  }

  /** Milliseconds until everything that waits and runs should be done, if all slots share it evenly. */
  get horizonMs(): number {
    return (this.#horizonMs ??= this.#horizon.msAt(this))
  }

  /** Of the free executors that a group's jobs may go to, the one that should finish the most units well before the link is done. */
  roomiest(group: Group): Room | undefined {
    const rooms = (this.#rooms ??= this.#findRooms())
    // No slot becomes free within a round.
    while (rooms.at(-1)?.executor.hasFreeSlot === false) rooms.pop()
    return rooms.findLast(({ executor }) => executor.hasFreeSlot && this.admits(group, executor))
  }

  #findRooms(): Room[] {
    const { home, endpoints } = this
    const mostMs = endpoints.policy.slowShare * this.horizonMs
    const rooms: Room[] = []
    const add = (executor: Executor): void => {
      const { latencyMs, msPerUnit } = executor.estimate
      rooms.push({ executor, units: (mostMs - latencyMs) / msPerUnit })
    }
    for (const endpoint of endpoints.roster.free) if (!isSuspect(endpoint)) add(endpoint)
    if (home?.hasFreeSlot) add(home)
    return rooms.sort((a, b) => a.units - b.units)
  }

  /** Whether a group's jobs may go to an executor now. */
  admits(group: Group, executor: Executor): boolean {
    if (group.exclusion.has(executor)) return false
    return !executor.isHome || this.homeTakesPart || group.openToHome || this.#allGone(group)
  }

  /** As the last resort, this machine also steps in when every endpoint that a job could go to is gone, until one is back. */
  #allGone({ exclusion }: Group): boolean {
    const { all, distributors, roster } = this.endpoints
    for (const endpoint of roster.available) if (!endpoint.stalled && !exclusion.has(endpoint)) return false
    return (
      all.every((endpoint) => exclusion.has(endpoint) || endpoint.gone(this.nowMs)) &&
      distributors.every((distributor) => exclusion.hasDistributor(distributor.name) || distributor.gone(this.nowMs))
    )
  }
}

/** So many endpoints may be looked at for each job. */
const FEW = 100

/**
 * When the link should be done. To know that, all executors are looked at, which is cheap if they are few. Of many the answer moves little from one
 * job to the next; so it is kept for a hundredth of the time that is left and a pulse at most, unless slots have come or gone.
 */
export class Horizon {
  #slots = -1
  #computedAtMs = -Infinity
  #endMs = -Infinity

  msAt(board: Board): number {
    const { nowMs, slots } = board
    if (board.endpoints.roster.available.size <= FEW) return horizonOf(board)
    const mostMs = Math.min((this.#endMs - nowMs) / 100, board.endpoints.policy.pulseMs)
    const isFresh = slots === this.#slots && nowMs - this.#computedAtMs <= mostMs
    if (!isFresh) {
      this.#slots = slots
      this.#computedAtMs = nowMs
      this.#endMs = nowMs + horizonOf(board)
    }
    return this.#endMs - nowMs
  }
}

function horizonOf(board: Board): number {
  const { home, homeTakesPart, endpoints, nowMs } = board
  let work = board.pending.work
  let rate = 0
  const add = (executor: Executor): void => {
    if (executor.stalled) return
    const { msPerUnit } = executor.estimate
    work += executor.remainingMs(nowMs) / msPerUnit
    rate += executor.limit / msPerUnit
  }
  if (home && homeTakesPart) add(home)
  for (const endpoint of endpoints.roster.available) add(endpoint)
  return rate > 0 ? work / rate : Infinity
}

/**
 * The next job to start and where, or undefined when every free slot should stay free.
 *
 * The longest waiting job goes to the free executor that should finish it first. That alone would hand the longest jobs to a
 * machine ten times slower as soon as the fast ones are full, and the whole link would wait for it. So an executor that is
 * clearly slower than the best one gets only what it should finish well before the rest of the link is done (the *horizon*), a
 * shorter job, or none; unless the better ones are so busy that even they would be done with the long job later. (Without that, long jobs wait
 * behind longer ones: among many endpoints the best one's speed is always luck in part, and few others seem as good.)
 */
export function nextPlace(board: Board): Place | undefined {
  const { pending } = board
  for (const group of pending.groupsInOrder()) {
    const job = pending.first(group)
    const found = fastestFor(board, group, job)
    if (found === undefined) continue
    return found.isGood ? { job, executor: found.executor } : somethingShorter(board)
  }
  return undefined
}

/** Where enough is on its way, a job that takes little to be sent, and its endpoint: one after which all that are about as long as the longest are still done well before the rest (openers.ts). */
export function nextOpener(board: Board): Place | undefined {
  const { pending, openers, endpoints, horizonMs } = board
  const [free] = endpoints.roster.free
  const [group] = pending.groupsInOrder()
  if (openers === undefined || free === undefined || group === undefined || !Number.isFinite(horizonMs))
    return undefined
  const { estimate } = free
  const longest = board.unitsOf(pending.first(group))
  const mostMs = endpoints.policy.openerShare * horizonMs - roundsOf(board, longest) * estimate.expectedMs(longest)
  return openers.best(
    (mostMs - estimate.latencyMs) / estimate.msPerUnit,
    (job) => pending.has(job),
    (job) => {
      const own = pending.groupOf(job)
      const found = own && fastestFor(board, own, job)
      return found?.isGood === true && !found.executor.isHome ? { job, executor: found.executor } : undefined
    },
  )
}

/** How many times the longest job's time those take that are at least half as long, side by side on all slots: each slot takes one after the other, or they even out. */
function roundsOf({ pending, slots }: Board, longest: number): number {
  const aSlot = pending.countFrom(longest / 2) / Math.max(1, slots)
  return Math.max(1, Math.min(Math.ceil(aSlot), 0.75 * aSlot + 1))
}

/** The free executor that should finish a job first; whether it should have it. */
function fastestFor(
  board: Board,
  group: Group,
  job: number,
): { readonly executor: Executor; readonly isGood: boolean } | undefined {
  const { slowShare, goodEnough } = board.endpoints.policy
  const units = board.unitsOf(job)
  const bestMs = bestOfAll(board, group, units)
  const executor = fastestFree(board, group, job, bestMs)
  if (executor === undefined) return undefined
  const ms = executor.estimate.expectedMs(units)
  const isGood = ms <= bestMs * goodEnough || ms <= slowShare * board.horizonMs || !isBeaten(board, group, units, ms)
  return { executor, isGood }
}

/**
 * The one job each of rested endpoints without a probe of their own: the shortest, as it may never come back. None when endpoints that work are free for all that
 * waits: the last jobs of a link are not for those that are most likely dead.
 */
export function nextProbe(board: Board): Place | undefined {
  const { pending } = board
  const { rested } = board.endpoints.roster
  if (rested.size === 0 || haveRoomForAll(board)) return undefined
  for (const executor of rested) {
    let job = -1
    for (const group of pending.groups) {
      if (!board.admits(group, executor)) continue
      const shortest = group.jobs.find(board.mayProbe)
      if (shortest === undefined || !board.fits(shortest)) continue
      if (job < 0 || pending.before(job, shortest)) job = shortest
    }
    if (job >= 0) return { job, executor }
  }
  return undefined
}

function haveRoomForAll({ endpoints, pending }: Board): boolean {
  let room = 0
  for (const { proven, stalled, limit, inFlight } of endpoints.roster.free) {
    if (proven && !stalled) room += limit - inFlight.size
    if (room >= pending.size) return true
  }
  return false
}

/**
 * A slot of an endpoint that no job of this link has seen yet gets a *scout*: a job so short that the link hardly notices. The longest jobs start
 * when the scouts come back, a moment later; and by then the machines that are dead or crawl have not come back, so they do
 * not get the longest jobs, which nothing could make up for. That works for clusters that hide their machines, too.
 */
export function nextScout(board: Board): Place | undefined {
  const { pending } = board
  const { unseen } = board.endpoints.roster
  const { scoutShare } = board.endpoints.policy
  if (scoutShare <= 0 || unseen.size === 0) return undefined
  for (const group of pending.groups) {
    const wholeUnits = Math.max(board.unitsOf(pending.first(group)), pending.work / (board.slots + 1))
    const job = pending.longestWithin(group, wholeUnits * scoutShare)
    if (job < 0 || !board.fits(job)) continue
    for (const executor of unseen)
      if (pending.size >= 2 * executor.limit && board.admits(group, executor)) return { job, executor }
  }
  return undefined
}

/** What the best executor, free or not, would take: a full one will be free soon. */
function bestOfAll(board: Board, group: Group, units: number): number {
  const { home, endpoints } = board
  const homeMs = home && board.admits(group, home) ? home.estimate.expectedMs(units) : Infinity
  return Math.min(homeMs, endpoints.roster.fastest.bestMs(units, group.exclusion))
}

/** The free executor that should finish a job first. A slot that is free now comes before a place in a backlog. */
function fastestFree(board: Board, group: Group, job: number, bestMs: number): Executor | undefined {
  const { home, endpoints } = board
  const units = board.unitsOf(job)
  let found: Executor | undefined
  let foundMs = Infinity
  if (board.fits(job)) {
    for (const endpoint of endpoints.roster.free) {
      if (isSuspect(endpoint) || group.exclusion.has(endpoint)) continue
      const ms = endpoint.estimate.expectedMs(units)
      if (ms < foundMs) [found, foundMs] = [endpoint, ms]
      if (ms <= bestMs) break
    }
  }
  if (home === undefined || !board.admits(group, home)) return found
  if (home.hasFreeSlot) return home.estimate.expectedMs(units) <= foundMs ? home : found
  const hasRoom = board.backlog && home.inFlight.size < home.limit + home.backlogRoom
  return found ?? (hasRoom ? home : undefined)
}

/** It has jobs that are late, and has not shown that it works at all. */
function isSuspect({ stalled, proven }: EndpointExecutor): boolean {
  return stalled && !proven
}

/** Whether an executor that is busy now should finish a job earlier than in `ms` all the same. */
function isBeaten(board: Board, group: Group, units: number, ms: number): boolean {
  const beats = (executor: Executor): boolean => {
    const ownMs = executor.estimate.expectedMs(units)
    if (ownMs >= ms || executor.stalled || !board.admits(group, executor)) return false
    return executor.untilFreeMs(board.nowMs) + ownMs < ms
  }
  if (board.home && beats(board.home)) return true
  for (const endpoint of board.endpoints.roster.available) if (beats(endpoint)) return true
  return false
}

/** The longest job that some free executor should finish well before the link is done. */
function somethingShorter(board: Board): Place | undefined {
  const { pending } = board
  let best: Place | undefined
  for (const group of pending.groupsInOrder()) {
    if (best !== undefined && !pending.before(pending.first(group), best.job)) continue
    const found = board.roomiest(group)
    if (found === undefined) continue
    const { executor, units } = found
    const job = pending.longestWithin(group, units)
    if (job < 0 || !(executor.isHome || board.fits(job))) continue
    if (best === undefined || pending.before(job, best.job)) best = { job, executor }
  }
  return best
}
