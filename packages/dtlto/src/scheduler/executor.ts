import type { ExecutorEstimate } from './estimate.js'
import type { AttemptFacts, StartReason } from './events.js'

/**
 * What compiles jobs: this machine (home.ts) or an endpoint of a distributor (endpoint.ts). What they have in common: slots, attempts that
 * hold them, and an estimate of how long a job takes.
 */
export abstract class Executor {
  /** 0 is home; endpoints count from 1, in the order in which they were seen. */
  readonly index: number
  readonly estimate: ExecutorEstimate
  /** Everything that holds a slot, abandoned attempts too. */
  readonly inFlight = new Set<Attempt>()
  /** Expected milliseconds and starts of those in flight: sums that make `remainingMs` cheap. */
  #expectedSum = 0
  #startedSum = 0
  /** Attempts in all. */
  started = 0
  /** When the latest of the attempts began that it has compiled. */
  workedAtMs: number | undefined

  constructor(index: number, estimate: ExecutorEstimate) {
    this.index = index
    this.estimate = estimate
  }

  /** `local` for home. */
  abstract readonly distributorName: string
  abstract readonly endpointId: string
  abstract readonly isHome: boolean
  /** Takes ordinary work (a free slot is another question). */
  abstract readonly available: boolean
  /** Jobs that may be in flight. */
  abstract readonly limit: number
  /** Jobs beyond the limit that may wait for a slot there. */
  abstract readonly backlogRoom: number
  /** Every attempt in flight is late, or one is and nothing has come back yet: it may be dead. */
  abstract readonly stalled: boolean

  /** It has compiled something in this link. */
  get proven(): boolean {
    return this.workedAtMs !== undefined
  }

  get hasFreeSlot(): boolean {
    return this.available && this.inFlight.size < this.limit
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
    for (const attempt of this.inFlight) {
      const elapsedMs = attempt.elapsedMs(nowMs)
      const expectedMs =
        attempt.startedMs === undefined
          ? this.estimate.expectedMs(attempt.units)
          : attempt.waitMs + this.estimate.workMs(attempt.units)
      least = Math.min(least, elapsedMs <= expectedMs ? expectedMs - elapsedMs : elapsedMs / 2)
    }
    return least
  }

  add(attempt: Attempt): void {
    this.inFlight.add(attempt)
    this.started++
    this.#expectedSum += attempt.expectedMs
    this.#startedSum += attempt.sentMs
    this.changed()
  }

  /** The attempt has left the endpoint's queue. */
  begin(attempt: Attempt, nowMs: number): void {
    if (!this.inFlight.has(attempt) || attempt.startedMs !== undefined) return
    attempt.startedMs = nowMs
    this.#startedSum += nowMs - attempt.sentMs
    this.#expectedSum -= attempt.expectedQueueMs
    this.estimate.observeQueue(nowMs - attempt.sentMs)
    this.changed()
  }

  /** The attempt's slot is free. False if it was so before. */
  release(attempt: Attempt): boolean {
    if (!this.inFlight.delete(attempt)) return false
    this.#expectedSum -= attempt.expectedMs
    if (attempt.startedMs !== undefined) this.#expectedSum += attempt.expectedQueueMs
    this.#startedSum -= attempt.startedMs ?? attempt.sentMs
    if (this.inFlight.size === 0) this.#expectedSum = this.#startedSum = 0
    this.changed()
    return true
  }

  /** The attempt made an object, `elapsedMs` after its start. `compileMs` is what the distributor states, if it does. */
  observe(attempt: Attempt, elapsedMs: number, compileMs: number | undefined): void {
    this.estimate.observe(attempt.units, elapsedMs, compileMs)
    this.changed()
  }

  /** The attempt was given up while it waited or ran. */
  observeUnfinished(attempt: Attempt, nowMs: number): void {
    if (attempt.startedMs === undefined) this.estimate.observeUnfinishedQueue(attempt.queuedMs(nowMs))
    else this.estimate.observeUnfinished(attempt.units, attempt.elapsedMs(nowMs))
    this.changed()
  }

  /** Something that placing depends on is another than before. */
  protected changed(): void {
    return undefined
  }
}

/** One try to compile a job, at home or at an endpoint. */
export class Attempt {
  /** Unique within the link. */
  readonly id: number
  /** Position of its job in the list of jobs. */
  readonly job: number
  readonly executor: Executor
  readonly reason: StartReason
  /** The one job that shows whether a rested endpoint works again; it may be a duplicate, too. */
  readonly isProbe: boolean
  readonly units: number
  /** Of its bitcode and that of its imports; 0 at home. */
  readonly bytes: number
  /** Until they are sent, they count among what is in flight. */
  holdsBytes = true
  /** Its distributor has said so. */
  isSent = false
  readonly sentMs: number
  /** When the work began: `sentMs`, but for jobs in a queue of the endpoint's own, which begin when it says so. */
  startedMs: number | undefined
  /** When its endpoint's object came, which is then checked. */
  answeredMs: number | undefined
  /** How long it should wait in the backlog of this machine. Beyond that it should take what its executor's estimate says. */
  readonly waitMs: number
  /** From sending to the object, and the part of it in the endpoint's own queue; both as known when it was sent. */
  readonly expectedMs: number
  readonly expectedQueueMs: number
  readonly controller = new AbortController()
  state: AttemptState = { kind: 'running' }

  /** `beginsAtOnce`: it will not wait in a queue of the endpoint's own. */
  constructor(
    facts: Pick<Attempt, 'id' | 'job' | 'executor' | 'reason' | 'isProbe' | 'units' | 'bytes' | 'sentMs'>,
    beginsAtOnce: boolean,
  ) {
    const { executor, units, sentMs } = facts
    this.id = facts.id
    this.job = facts.job
    this.executor = executor
    this.reason = facts.reason
    this.isProbe = facts.isProbe
    this.units = units
    this.bytes = facts.bytes
    this.sentMs = sentMs
    this.startedMs = beginsAtOnce ? sentMs : undefined
    this.waitMs = executor.backlogMs(sentMs)
    this.expectedQueueMs = beginsAtOnce ? 0 : executor.estimate.queueMs
    this.expectedMs = this.waitMs + this.expectedQueueMs + executor.estimate.workMs(units)
  }

  /** Since the work began; 0 as long as it waits in the endpoint's queue. */
  elapsedMs(nowMs: number): number {
    return this.startedMs === undefined ? 0 : nowMs - this.startedMs
  }

  /** In the endpoint's queue, until now or until it began. */
  queuedMs(nowMs: number): number {
    return (this.startedMs ?? nowMs) - this.sentMs
  }

  facts(): AttemptFacts {
    const { distributorName: distributor, endpointId: endpoint } = this.executor
    return { job: this.job, attempt: this.id, distributor, endpoint, reason: this.reason, expectedMs: this.expectedMs }
  }
}

export type AttemptState =
  /** Waiting for an answer. */
  | { readonly kind: 'running' }
  /** There is an answer; `accept` has the object. */
  | { readonly kind: 'accepting' }
  /** Aborted, but not settled: its slot is still taken. */
  | { readonly kind: 'abandoned'; readonly sinceMs: number }
  /** Settled, or written off because it ignored the abort. */
  | { readonly kind: 'over' }
