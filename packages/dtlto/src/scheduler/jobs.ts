/**
 * The jobs of the link and the queue of those that wait. Every change of a job's phase is in this file:
 *
 *     waiting ──started──► running ──duplicate──► running with a duplicate waiting
 *        ▲                    │  ▲                          │
 *        └──── attemptEnded ──┘  └───────── started ────────┘
 *                          accepting ──► ended
 *
 * The queue and the phases never disagree: a job is in the queue exactly when it is `waiting` or has a duplicate waiting.
 */
import type { BackendJob, Diagnostic } from '../distributors/interface.js'
import type { DtltoError } from '../errors.js'
import type { Clock } from './clock.js'
import type { Estimates } from './estimate.js'
import type { SchedulerEvent } from './events.js'
import type { Exclusion } from './exclusion.js'
import type { Attempt } from './executor.js'
import { type JobPhase, type JobState, liveAttempts, newJobState, phaseOf } from './job-state.js'
import { Openers } from './openers.js'
import { type Group, Pending } from './pending.js'
import type { ScheduleResult } from './result.js'
import { noDistributorLeft, type Route, routeOf, type Takers } from './route.js'

export interface JobsOptions {
  readonly jobs: readonly BackendJob[]
  /** Those with durations of a past link are known, or others than this machine take part: then the longest starts first. */
  readonly longestFirst: boolean
  readonly estimates: Estimates
  readonly takers: Takers
  readonly clock: Clock
  readonly emit: (event: SchedulerEvent) => void
  /** Gives up an attempt whose object is not needed any more. It then calls `attemptEnded`. */
  readonly abandon: (attempt: Attempt) => void
  /** Every job has ended. */
  readonly onEnd: () => void
}

export class Jobs {
  readonly all: readonly JobState[]
  readonly pending: Pending
  /** Undefined where jobs start in lld's order. */
  readonly openers: Openers | undefined
  /** As they are likely to start. */
  readonly inOrder: readonly BackendJob[]
  readonly #options: JobsOptions
  readonly #stateOf: ReadonlyMap<BackendJob, JobState>
  #unfinished: number
  #duplicatesWaiting = 0

  constructor(options: JobsOptions) {
    const { jobs, longestFirst, estimates } = options
    this.#options = options
    this.all = jobs.map(newJobState)
    this.#unfinished = jobs.length
    const { units } = estimates
    const order = jobs.map((_, position) => position)
    if (longestFirst) order.sort((a, b) => (units[b] ?? 0) - (units[a] ?? 0) || a - b)
    else order.sort((a, b) => (jobs[a]?.index ?? a) - (jobs[b]?.index ?? b))
    this.pending = new Pending(order, units)
    this.openers = longestFirst ? new Openers(jobs, units) : undefined
    this.inOrder = (this.openers?.likely(order) ?? order).map((position) => this.at(position).job)
    this.#stateOf = new Map(this.all.map((state) => [state.job, state]))
  }

  get unfinished(): number {
    return this.#unfinished
  }

  /** Jobs that run and are queued a second time. */
  get duplicatesWaiting(): number {
    return this.#duplicatesWaiting
  }

  of(attempt: Attempt): JobState {
    return this.at(attempt.job)
  }

  at(job: number): JobState {
    const state = this.all[job]
    if (state === undefined)
      throw new Error(`bug in dtlto: there is no job ${String(job)} among ${String(this.all.length)}`)
    return state
  }

  /** Nobody compiles the job, and nobody has. */
  isWaiting(job: BackendJob): boolean {
    return this.#stateOf.get(job)?.phase.kind === 'waiting'
  }

  routeOf(state: JobState): Route {
    return routeOf(state, this.#options.takers)
  }

  // ---- into the queue

  /** All jobs, at the start. */
  enqueueAll(): void {
    const { estimates, clock, emit } = this.#options
    for (const state of this.all) {
      if (state.phase.kind === 'ended') continue
      const expectedMs = estimates.units[state.position] ?? 0
      emit({ kind: 'job-queued', atMs: clock.now(), job: state.position, expectedMs })
      this.#enqueue(state)
    }
  }

  /** A job whose attempt came to nothing, if no other attempt runs. */
  requeue(state: JobState): void {
    if (state.phase.kind !== 'waiting') return
    this.#enqueue(state)
    if (!this.pending.has(state.position)) return
    const lastResort = this.routeOf(state).kind === 'home'
    const { clock, emit } = this.#options
    emit({ kind: 'job-requeued', atMs: clock.now(), job: state.position, lastResort })
  }

  /** A duplicate of a late job, queued beside the attempts that run. */
  queueDuplicate(attempt: Attempt, exclusion: Exclusion): void {
    const state = this.of(attempt)
    const nowMs = this.#options.clock.now()
    this.pending.add(attempt.job, exclusion, true)
    this.#setLive(state, liveAttempts(state))
    const elapsedMs = nowMs - attempt.sentMs
    this.#options.emit({
      kind: 'job-hedged',
      atMs: nowMs,
      job: attempt.job,
      elapsedMs,
      expectedMs: attempt.expectedMs,
    })
  }

  /** Of a group of jobs: puts each where it may go now. A duplicate is dropped; the next pulse queues another if it pays. */
  reroute(group: Group): void {
    for (const job of this.pending.takeAll(group)) {
      const state = this.at(job)
      if (state.phase.kind === 'waiting') this.#enqueue(state)
      else this.#setLive(state, liveAttempts(state))
    }
  }

  #enqueue(state: JobState): void {
    const route = this.routeOf(state)
    if (route.kind !== 'nowhere') this.pending.add(state.position, route.exclusion, route.kind === 'home')
    else if (state.refusal === undefined) this.failNowhere(state)
    else this.doesNotCompile(state, state.refusal.endpoint.distributorName, state.refusal.result.diagnostics)
  }

  // ---- attempts

  /** Takes a job out of the queue to place it; its attempts that run, if it was a duplicate. */
  take(job: number): readonly Attempt[] {
    const state = this.at(job)
    this.pending.remove(job)
    this.#setLive(state, liveAttempts(state))
    return liveAttempts(state)
  }

  started(attempt: Attempt): void {
    const state = this.of(attempt)
    state.attempts++
    if (attempt.reason === 'hedge') state.hedges++
    state.firstSentMs ??= attempt.sentMs
    this.#setLive(state, [...liveAttempts(state), attempt])
  }

  /** The attempt has an object, which is being checked. */
  accepting(attempt: Attempt): void {
    const state = this.of(attempt)
    attempt.state = { kind: 'accepting' }
    this.pending.remove(attempt.job)
    this.#setLive(state, liveAttempts(state))
  }

  /**
   * The attempt is none of the live ones any more. A duplicate that waits goes too: where it may go, and whether it is worth while, was
   * decided before this was known.
   */
  attemptEnded(attempt: Attempt): void {
    const state = this.of(attempt)
    this.pending.remove(attempt.job)
    this.#setLive(
      state,
      liveAttempts(state).filter((other) => other !== attempt),
    )
  }

  #setLive(state: JobState, live: readonly Attempt[]): void {
    if (state.phase.kind !== 'ended') this.#enter(state, phaseOf(live, this.pending.has(state.position)))
  }

  #enter(state: JobState, phase: JobPhase): void {
    this.#duplicatesWaiting += Number(isDuplicateWaiting(phase)) - Number(isDuplicateWaiting(state.phase))
    state.phase = phase
  }

  // ---- ends

  doesNotCompile(state: JobState, distributor: string, diagnostics: readonly Diagnostic[]): void {
    this.finish(state, { kind: 'does-not-compile', distributor, diagnostics })
  }

  /** The link is lost, so the other jobs are not worth compiling. */
  fail(state: JobState, error: DtltoError): void {
    this.finish(state, { kind: 'failed', error })
    this.cancelRest()
  }

  failNowhere(state: JobState): void {
    this.fail(state, noDistributorLeft(state, this.#options.takers))
  }

  cancelRest(): void {
    for (const state of this.all) this.finish(state, { kind: 'cancelled' })
  }

  /** The one place where a job ends. */
  finish(state: JobState, result: ScheduleResult): void {
    if (state.phase.kind === 'ended') return
    this.pending.remove(state.position)
    const live = liveAttempts(state)
    this.#enter(state, { kind: 'ended', result })
    this.#unfinished--
    const { abandon, clock, emit, onEnd } = this.#options
    for (const attempt of live) abandon(attempt)
    const summary = result.kind === 'done' || result.kind === 'cancelled' ? result.kind : 'failed'
    emit({ kind: 'job-ended', atMs: clock.now(), job: state.position, result: summary })
    if (this.#unfinished === 0) onEnd()
  }
}

function isDuplicateWaiting({ kind }: JobPhase): boolean {
  return kind === 'running-with-duplicate-waiting'
}
