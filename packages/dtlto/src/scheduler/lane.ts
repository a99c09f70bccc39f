import type { Distributor } from '../distributors/interface.js'
import type { DtltoError } from '../errors.js'
import type { Attempt } from './attempt.js'
import { afterSuccess, afterTime, afterTrouble, CLOSED, type Breaker } from './breaker.js'
import { LaneEstimate, type Estimates } from './estimate.js'
import type { Policy } from './policy.js'
import { describe } from './trouble.js'

/** A distributor of the link, as the caller names it. */
export interface LaneSpec {
  /** Unique within the link; shown in events and errors. */
  readonly name: string
  readonly distributor: Distributor
  /** Runs jobs on this machine, in this process. */
  readonly isLocal: boolean
  /** Runs jobs on this machine in other processes: no scouts, and lld's order where nothing else than this machine compiles. */
  readonly sameMachine?: boolean
  /** A `fallback` gets only what no primary takes, and duplicates of late jobs. Default: `primary`. */
  readonly role?: 'primary' | 'fallback'
  /** Resolves when the distributor is open; rejects when it never will be. Default: it is. */
  readonly opened?: Promise<void>
  /** Tells the scheduler that the distributor called `statusChanged`. Returns how to stop. */
  readonly onStatusChanged?: (listener: () => void) => () => void
}

type Warn = (warning: string, message: string) => void

/**
 * One distributor as the scheduler sees it: what it says (checked: nothing it says is believed beyond what
 * makes sense), what is in flight there, how fast it is, and whether it is being rested.
 */
export class Lane {
  readonly index: number
  readonly spec: LaneSpec
  readonly isFallback: boolean
  readonly estimate: LaneEstimate
  /** Everything that holds a slot, abandoned attempts too. */
  readonly inFlight = new Set<Attempt>()
  /** Started, and of those who are still here: sums that make `remainingMs` cheap. */
  #expectedSum = 0
  #startedSum = 0
  breaker: Breaker = CLOSED
  /** `open` is still running. */
  opening = false
  /** `prepare` is still running. */
  preparing = false
  #stalledSinceMs: number | undefined
  /** Attempts in all. */
  started = 0
  /** When the latest of the attempts began that it has compiled. */
  workedAtMs: number | undefined
  lastTrouble: DtltoError | undefined
  #probesFailed = 0
  /** `status()` must be read before the next decision. */
  dirty = true
  /** Since when it takes no work. */
  unavailableSinceMs: number | undefined
  #slots = 0
  #busyElsewhere = 0
  #accepting = false
  #text = ''
  readonly #policy: Policy
  readonly #warn: Warn
  readonly #maxSlots: number

  constructor(
    index: number,
    spec: LaneSpec,
    isFallback: boolean,
    jobs: number,
    estimates: Estimates,
    policy: Policy,
    warn: Warn,
  ) {
    this.index = index
    this.spec = spec
    this.isFallback = isFallback
    this.estimate = new LaneEstimate(estimates, spec.isLocal, policy)
    this.#policy = policy
    this.#warn = warn
    this.#maxSlots = Math.max(1, jobs)
  }

  get name(): string {
    return this.spec.name
  }

  get isLocal(): boolean {
    return this.spec.isLocal
  }

  /** Its jobs use this machine's cores, in this process or in others. */
  get isOnThisMachine(): boolean {
    return this.spec.isLocal || this.spec.sameMachine === true
  }

  get retired(): boolean {
    return this.breaker.kind === 'retired'
  }

  /** It has compiled something in this link. */
  get proven(): boolean {
    return this.workedAtMs !== undefined
  }

  /** It has failed from the first job on, before a rest and after. */
  get neverWorked(): boolean {
    return this.retired || (!this.proven && this.#probesFailed > 0)
  }

  /** What a lane that has not had a job yet waits for; undefined when it would take one. */
  get waitsFor(): string | undefined {
    if (this.started > 0 || this.breaker.kind !== 'closed') return undefined
    if (this.opening) return 'it is still opening'
    if (this.preparing) return 'it is still preparing'
    if (this.available) return undefined
    return `it does not accept any${this.#text === '' ? '' : ` (${this.#text})`}`
  }

  /** Takes ordinary work (a free slot is another question). */
  get available(): boolean {
    return this.breaker.kind === 'closed' && this.#accepting && this.#slots > 0 && !this.preparing
  }

  /** Rested, and the one job that shows whether it works again is not out yet. */
  get wantsProbe(): boolean {
    return (
      this.breaker.kind === 'half-open' &&
      !this.breaker.out &&
      this.#accepting &&
      this.#slots > this.inFlight.size &&
      !this.preparing
    )
  }

  /**
   * Jobs that may be in flight. Slots that others use are left to them, but one: where everybody queues, he who does
   * not queue gets nothing.
   */
  get limit(): number {
    return Math.max(1, this.#slots - this.#busyElsewhere)
  }

  get hasFreeSlot(): boolean {
    return this.available && this.inFlight.size < this.limit
  }

  /** It has a slot that no job of this link has seen yet. */
  get wantsScout(): boolean {
    return !this.isOnThisMachine && this.started < this.limit && this.hasFreeSlot
  }

  /** A local thread should find its next job in the native queue: see Policy.localBacklog. */
  get hasBacklogRoom(): boolean {
    return this.isLocal && this.available && this.inFlight.size < this.limit + this.#policy.localBacklog
  }

  /** Every attempt in flight is late, or one is and the lane has not shown any result: it may be dead. Renewed at each pulse. */
  get stalled(): boolean {
    return this.#stalledSinceMs !== undefined
  }

  setStalled(stalled: boolean, nowMs: number): void {
    this.#stalledSinceMs = stalled ? (this.#stalledSinceMs ?? nowMs) : undefined
  }

  /** Has taken or finished no work for so long that jobs should not wait for it any more. */
  gone(nowMs: number): boolean {
    if (this.breaker.kind === 'retired') return true
    if (this.#stalledSinceMs !== undefined && nowMs - this.#stalledSinceMs >= this.#policy.patienceMs) return true
    if (this.unavailableSinceMs === undefined) return false
    return this.breaker.kind !== 'closed' || nowMs - this.unavailableSinceMs >= this.#policy.patienceMs
  }

  /** Slot-milliseconds until everything in flight should be done. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#expectedSum - (this.inFlight.size * nowMs - this.#startedSum))
  }

  /** How long a job that is sent now would wait for a slot. */
  backlogMs(nowMs: number): number {
    const { size } = this.inFlight
    return size < this.limit ? 0 : this.remainingMs(nowMs) / size
  }

  /** Until the first of its slots should be free, as known now. What is overdue is taken to need half as long again as it has had. */
  untilFreeMs(nowMs: number): number {
    if (this.inFlight.size < this.limit) return 0
    let least = Infinity
    for (const { startedMs, waitMs, units } of this.inFlight) {
      const elapsedMs = nowMs - startedMs
      const expectedMs = waitMs + this.estimate.expectedMs(units)
      least = Math.min(least, elapsedMs <= expectedMs ? expectedMs - elapsedMs : elapsedMs / 2)
    }
    return least
  }

  /** `full`: count the slots that others use too. Right after an own job has ended that number may be stale. */
  refresh(nowMs: number, full: boolean): void {
    this.dirty = false
    this.breaker = afterTime(this.breaker, nowMs)
    this.#readStatus(full)
    const takesWork = this.available
    if (takesWork) this.unavailableSinceMs = undefined
    else this.unavailableSinceMs ??= nowMs
  }

  add(attempt: Attempt): void {
    this.inFlight.add(attempt)
    this.started++
    this.#expectedSum += attempt.expectedMs
    this.#startedSum += attempt.startedMs
    if (attempt.reason === 'probe' && this.breaker.kind === 'half-open') this.breaker = { ...this.breaker, out: true }
  }

  /** The attempt's slot is free. Harmless when repeated. */
  release(attempt: Attempt): void {
    if (!this.inFlight.delete(attempt)) return
    this.#expectedSum -= attempt.expectedMs
    this.#startedSum -= attempt.startedMs
    if (this.inFlight.size === 0) this.#expectedSum = this.#startedSum = 0
    // A probe that ended without a verdict (abandoned, `cannot`) makes room for the next.
    if (attempt.reason === 'probe' && this.breaker.kind === 'half-open') this.breaker = { ...this.breaker, out: false }
    this.dirty = true
  }

  /** For an attempt that began at `begunMs`. True if this ended a rest. */
  succeeded(begunMs: number): boolean {
    this.workedAtMs = Math.max(this.workedAtMs ?? begunMs, begunMs)
    this.#probesFailed = 0
    const recovered = this.breaker.kind !== 'closed'
    this.breaker = afterSuccess(this.breaker)
    if (recovered) this.dirty = true
    return recovered && this.breaker.kind === 'closed'
  }

  /** Length of the rest if the trouble starts one, as one that shows that the distributor `isDown` does at once. */
  troubled(error: DtltoError, nowMs: number, isDown: boolean): number | undefined {
    const before = this.breaker
    this.lastTrouble = error
    if (before.kind === 'half-open') this.#probesFailed++
    this.breaker = afterTrouble(before, nowMs, this.#slots, this.#policy, isDown)
    if (this.breaker.kind !== 'resting' || before.kind === 'resting') return undefined
    this.unavailableSinceMs ??= nowMs
    return this.breaker.restMs
  }

  retire(cause: DtltoError): void {
    this.lastTrouble = cause
    this.breaker = { kind: 'retired' }
  }

  #readStatus(full: boolean): void {
    let status: unknown
    try {
      status = this.spec.distributor.status()
      // A copy: a getter that throws does so here.
      if (typeof status === 'object' && status !== null) {
        const { slots, busy, accepting, speed, latencyMs, text } = status as Readonly<Record<string, unknown>>
        status = { slots, busy, accepting, speed, latencyMs, text }
      }
    } catch (thrown) {
      this.#warn(
        'status',
        `distributor '${this.name}' failed to state its status: ${thrown instanceof Error ? thrown.message : describe(thrown)}`,
      )
      return this.#assume()
    }
    if (typeof status !== 'object' || status === null) {
      this.#warn(
        'status',
        `distributor '${this.name}' broke its contract: expected an object from status() but received ${describe(status)}`,
      )
      return this.#assume()
    }
    const { slots, busy, accepting, speed, latencyMs, text } = status as Readonly<Record<string, unknown>>
    this.#accepting = accepting === true || this.isLocal
    this.#text = typeof text === 'string' ? text : ''
    this.#slots = this.#checkedSlots(slots)
    if (full)
      this.#busyElsewhere =
        this.isLocal || typeof busy !== 'number' || !(busy > 0) ? 0 : Math.max(0, Math.floor(busy) - this.inFlight.size)
    this.estimate.state(
      typeof speed === 'number' ? speed : undefined,
      typeof latencyMs === 'number' ? latencyMs : undefined,
    )
  }

  /** Local work must always be possible: with one slot at least, whatever the distributor says. */
  #checkedSlots(slots: unknown): number {
    const least = this.isLocal ? 1 : 0
    if (typeof slots === 'number' && slots >= 0) return Math.max(least, Math.min(this.#maxSlots, Math.floor(slots)))
    this.#warn(
      'slots',
      `distributor '${this.name}' broke its contract: expected a number of slots from status() but received ${describe(slots)}`,
    )
    return least
  }

  #assume(): void {
    this.#slots = this.isLocal ? Math.max(1, this.#slots) : 0
    this.#accepting = this.isLocal
  }
}
