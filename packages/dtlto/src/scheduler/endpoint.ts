import type { Endpoint } from '../distributors/interface.js'
import type { DtltoError } from '../errors.js'
import { type Belief, isSame, NO_BELIEF } from './belief.js'
import { afterSuccess, afterTime, afterTrouble, type Breaker, CLOSED } from './breaker.js'
import type { DistributorState } from './distributor-state.js'
import { ExecutorEstimate, type Estimates } from './estimate.js'
import { type Attempt, Executor } from './executor.js'
import type { Policy } from './policy.js'

/** What an endpoint is made from. */
export interface EndpointFacts {
  readonly index: number
  readonly distributor: DistributorState
  readonly endpoint: Endpoint
  readonly id: string
  /** Another link of this user has just found it down: nobody waits for it, but it is probed. */
  readonly wasDown: boolean
  readonly estimates: Estimates
  readonly policy: Policy
  /** Called when something changes that placing depends on. */
  readonly onChange: (endpoint: EndpointExecutor) => void
}

/** One endpoint as the scheduler sees it: what it says, what is in flight there, how fast it is, and whether it is being rested. */
export class EndpointExecutor extends Executor {
  readonly isHome = false
  readonly backlogRoom = 0
  readonly distributor: DistributorState
  readonly endpointId: string
  /** The distributor's own object, of its latest snapshot. */
  endpoint: Endpoint
  breaker: Breaker
  lastTrouble: DtltoError | undefined
  /** Since when it takes no work. */
  unavailableSinceMs: number | undefined
  #probing = false
  /** When the distributor's `probe` was last called. */
  #probedMs = -Infinity
  #belief: Belief = NO_BELIEF
  /** It gets no jobs before the distributor's `probe` has found that it works. */
  #mustProbe: boolean
  #restedAtMs = -Infinity
  #probesFailed = 0
  #stalledSinceMs: number | undefined
  /** It has said something new since the last look at the time; when it last had. */
  #hasNews = false
  #newsMs = -Infinity
  readonly #wasDown: boolean
  readonly #policy: Policy
  readonly #onChange: (endpoint: EndpointExecutor) => void

  constructor({ index, distributor, endpoint, id, wasDown, estimates, policy, onChange }: EndpointFacts) {
    super(index, new ExecutorEstimate(estimates, policy.guessedLatencyMs))
    this.distributor = distributor
    this.endpoint = endpoint
    this.endpointId = id
    this.#mustProbe = distributor.probes
    this.#wasDown = wasDown
    this.#policy = policy
    this.#onChange = onChange
    this.breaker = wasDown ? { kind: 'half-open', out: false, restMs: policy.restMs } : CLOSED
  }

  get belief(): Belief {
    return this.#belief
  }

  get distributorName(): string {
    return this.distributor.name
  }

  /** For messages: the distributor, and the endpoint where that says more. */
  get label(): string {
    return this.distributor.labelOf(this.endpointId)
  }

  get retired(): boolean {
    return this.breaker.kind === 'retired' || this.distributor.retired
  }

  get available(): boolean {
    return this.breaker.kind === 'closed' && this.#open && !this.#mustProbe && this.distributor.ready
  }

  /** Would take work if nothing else spoke against it. */
  get #open(): boolean {
    return this.#belief.accepting && this.#belief.slots > 0
  }

  /** The distributor's `probe` should be called now. */
  get wantsProbe(): boolean {
    return this.#mustProbe && !this.#probing && this.#open && !this.retired && this.breaker.kind !== 'resting'
  }

  /** Its jobs are late: whether the distributor's `probe` should be called to see if it is still there. */
  mayBeRechecked(nowMs: number): boolean {
    const { distributor, breaker } = this
    if (!distributor.probes || this.#probing || breaker.kind !== 'closed') return false
    return nowMs - this.#probedMs >= this.#policy.recheckMs
  }

  get probedMs(): number {
    return this.#probedMs
  }

  probeBegins(nowMs: number): void {
    this.#probing = true
    this.#probedMs = nowMs
    this.changed()
  }

  probeEnds(): void {
    this.#probing = false
    this.changed()
  }

  /** Rested, no `probe` to call, and the one job that shows whether it works again is not out yet. */
  get wantsProbeJob(): boolean {
    return (
      this.breaker.kind === 'half-open' &&
      !this.breaker.out &&
      !this.#mustProbe &&
      this.#belief.slots > this.inFlight.size &&
      this.#open &&
      this.distributor.ready
    )
  }

  /** Slots that others use are left to them, but one: where everybody queues, who does not queue gets nothing. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#belief.slots - this.#belief.busyElsewhere))
  }

  /** It has a slot that no job of this link has seen yet. */
  get wantsScout(): boolean {
    return this.started < this.limit && this.hasFreeSlot
  }

  get stalled(): boolean {
    return this.#stalledSinceMs !== undefined
  }

  setStalled(stalled: boolean, nowMs: number): void {
    if (stalled === this.stalled) return
    this.#stalledSinceMs = stalled ? nowMs : undefined
    this.changed()
  }

  /** It has failed from the start, before a rest and after. */
  get neverWorked(): boolean {
    return this.retired || (!this.proven && this.#probesFailed > 0)
  }

  /** Has taken or finished no work for so long that jobs should not wait for it any more. */
  gone(nowMs: number): boolean {
    if (this.retired) return true
    if (this.#stalledSinceMs !== undefined && nowMs - this.#stalledSinceMs >= this.#policy.patienceMs) return true
    if (this.unavailableSinceMs === undefined) return false
    return this.breaker.kind !== 'closed' || nowMs - this.unavailableSinceMs >= this.#policy.patienceMs
  }

  /** Nobody else compiles: whether to stop waiting for it. Not while it tells how it gets on: a compiler that is sent over a slow wire takes minutes. */
  isHopeless(nowMs: number): boolean {
    if (this.neverWorked) return true
    if (this.unavailableSinceMs === undefined) return false
    return nowMs - Math.max(this.unavailableSinceMs, this.#newsMs) > this.#policy.giveUpMs
  }

  /** What an endpoint that has not had a job yet waits for; undefined when it would take one, or when it is known to be in trouble. */
  get waitsFor(): string | undefined {
    if (this.started > 0 || this.available || this.retired) return undefined
    if (!this.#open) return `it does not accept any${this.#belief.text === '' ? '' : ` (${this.#belief.text})`}`
    if (this.breaker.kind === 'closed') return this.#mustProbe ? 'it is still being probed' : undefined
    return this.#wasDown && this.lastTrouble === undefined ? 'another link has just found it down' : undefined
  }

  believe(endpoint: Endpoint, belief: Belief): void {
    this.endpoint = endpoint
    if (isSame(belief, this.#belief)) return
    this.#hasNews = true
    this.#belief = belief
    this.estimate.state(belief.speed, belief.latencyMs)
    this.changed()
  }

  /** It is in its distributor's snapshot no more. What it has, it may finish. */
  disappear(): void {
    if (!this.#belief.accepting && this.#belief.slots === 0) return
    this.#belief = { ...this.#belief, slots: 0, accepting: false, text: 'it is gone' }
    this.changed()
  }

  /** The passing of time: a rest ends; how long it has been unavailable. */
  refresh(nowMs: number): void {
    this.breaker = afterTime(this.breaker, nowMs)
    if (this.#hasNews) this.#newsMs = nowMs
    this.#hasNews = false
    if (this.available) this.unavailableSinceMs = undefined
    else this.unavailableSinceMs ??= nowMs
  }

  override add(attempt: Attempt): void {
    this.distributor.started++
    this.distributor.firstSentMs ??= attempt.sentMs
    if (attempt.isProbe) this.#setProbeOut(true)
    super.add(attempt)
  }

  override release(attempt: Attempt): boolean {
    // A probe that ended without a verdict (abandoned, `cannot`) makes room for the next.
    if (this.inFlight.has(attempt) && attempt.isProbe) this.#setProbeOut(false)
    return super.release(attempt)
  }

  #setProbeOut(out: boolean): void {
    if (this.breaker.kind === 'half-open') this.breaker = { ...this.breaker, out }
  }

  /** A job that began at `begunMs` went well. True if this ended a rest. */
  compiled(begunMs: number): boolean {
    this.workedAtMs = Math.max(this.workedAtMs ?? begunMs, begunMs)
    return this.works()
  }

  /** It is known to work. True if this ended a rest. */
  works(): boolean {
    const recovered = this.breaker.kind === 'half-open' || this.breaker.kind === 'resting'
    this.#probesFailed = 0
    this.#mustProbe = false
    this.breaker = afterSuccess(this.breaker)
    this.changed()
    return recovered
  }

  /**
   * Something that was sent at `sentMs` failed. Length of the rest if that starts one, as a trouble does at once that shows that the endpoint
   * `isDown`. What was sent before a rest is old news after it.
   */
  troubled(error: DtltoError, sentMs: number, nowMs: number, isDown: boolean): number | undefined {
    const before = this.breaker
    this.lastTrouble = error
    if (before.kind === 'half-open') {
      if (sentMs < this.#restedAtMs) return undefined
      this.#probesFailed++
    }
    this.breaker = afterTrouble(before, nowMs, this.#belief.slots, this.#policy, isDown)
    if (this.breaker.kind !== 'resting' || before.kind === 'resting') return undefined
    this.#restedAtMs = nowMs
    this.#mustProbe = this.distributor.probes
    this.unavailableSinceMs ??= nowMs
    this.changed()
    return this.breaker.restMs
  }

  retire(cause: DtltoError): void {
    this.lastTrouble = cause
    this.breaker = { kind: 'retired' }
    this.changed()
  }

  override changed(): void {
    this.#onChange(this)
  }
}
