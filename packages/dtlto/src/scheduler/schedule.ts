/**
 * The scheduler decides which distributor compiles which job, and when.
 *
 * Given: the jobs of one link, all known from the start, of which about one estimate each is known; and distributors, this
 * machine among them, that may be fast, slow, overloaded, broken or lying. Wanted: all objects as early as possible,
 * and the link never lost because of a distributor.
 *
 * The approach, one file each:
 * - waiting jobs in order, longest first                                     pending.ts
 * - how long a job takes where, learnt while the link runs                   estimate.ts
 * - the longest job to the lane that should finish it first; strangers get
 *   a short one first                                                        placement.ts
 * - what a lane may hold, and what is believed of what it says               lane.ts
 * - trouble: what it means, where the job goes next                          trouble.ts, job-state.ts
 * - a lane that fails again and again is rested and probed                   breaker.ts
 * - late jobs are started a second time; the first object wins               hedging.ts
 * This file is the life of a job: queued, started, settled, ended once.
 *
 * Why longest first: a list schedule with the longest jobs first ends at most 4/3 of the optimum late, and in practice, with
 * thousands of jobs, within a few per cent, since the short ones fill the gaps. One exception: when only this machine compiles
 * and no durations of a past link are known, jobs start in the order in which lld made them. Diagnostics then come in stock
 * lld's order, and a machine with few cores gains little from another.
 *
 * It is pure. Time comes from a Clock, distributors are called through their public interface, what happened goes out as events.
 * The same inputs and timings give the same decisions: ties go to the lower index, nothing depends on chance.
 * One timer, the *pulse*, looks after everything that depends on the passing of time: deadlines, lateness, rests,
 * status that nobody announced. A link with local distributors alone has no such things and runs without it.
 *
 * The file is long because a job's life is one state machine: every transition is here, and every idea it uses is elsewhere.
 */
import { DtltoError } from '../errors.js'
import type { BackendJob, CompiledHere, CompiledObject, CompileResult } from '../distributors/interface.js'
import { callCompile, type Attempt } from './attempt.js'
import type { Clock } from './clock.js'
import { Estimates } from './estimate.js'
import type { AttemptOutcome, SchedulerEvent, StartReason } from './events.js'
import { hedges, isLate, pays } from './hedging.js'
import { newJobState, noDistributorLeft, routeOf, type JobState } from './job-state.js'
import { Lane, type LaneSpec } from './lane.js'
import { Pending } from './pending.js'
import { admits, nextPlace, nextProbe, nextScout, type Board, type Place } from './placement.js'
import { completePolicy, type Policy } from './policy.js'
import { checkResult, statedCompileMs } from './result-shape.js'
import type { ScheduleResult } from './result.js'
import { asTrouble, remedyFor } from './trouble.js'

export interface ScheduleOptions {
  readonly jobs: readonly BackendJob[]
  readonly distributors: readonly LaneSpec[]
  readonly clock: Clock
  /**
   * Takes an object: `placed`, or `lost` when the job has its object already. Throws DTLTO_OBJECT_REJECTED for an object that cannot
   * be right; the job then goes elsewhere. Any other error than a DtltoError is a bug of ours and ends the schedule.
   */
  readonly accept: (
    job: BackendJob,
    result: CompiledObject | CompiledHere,
    from: { readonly distributorName: string },
  ) => Accepted | Promise<Accepted>
  readonly policy?: Partial<Policy>
  /** Milliseconds that the job's backend took in a past link, if known. */
  readonly pastMs?: (job: BackendJob) => number | undefined
  /** Cancels everything. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: SchedulerEvent) => void
}

export type Accepted = 'placed' | 'lost'

/**
 * Compiles all jobs and resolves with their results, placed as `jobs` is, when every job has ended. It does not wait for
 * aborted attempts. Rejects only for a bug of ours (in here, in `accept` or in `onEvent`).
 */
export function schedule(options: ScheduleOptions): Promise<readonly ScheduleResult[]> {
  return new Promise((resolve, reject) => {
    new Schedule(options, resolve, reject).begin()
  })
}

class Schedule {
  readonly #options: ScheduleOptions
  readonly #policy: Policy
  readonly #clock: Clock
  readonly #resolve: (results: readonly ScheduleResult[]) => void
  readonly #reject: (error: unknown) => void
  readonly #estimates: Estimates
  readonly #lanes: readonly Lane[]
  readonly #jobs: readonly JobState[]
  readonly #pending: Pending
  /** Aborted when the schedule is over, for `prepare`. */
  readonly #over = new AbortController()
  readonly #cleanups: (() => void)[] = []
  readonly #warned = new Set<string>()
  #unfinished: number
  #duplicatesWaiting = 0
  #begunMs = 0
  #attempts = 0
  #cancelPulse: (() => void) | undefined
  #cancelStatus: (() => void) | undefined
  #dispatching = false

  constructor(
    options: ScheduleOptions,
    resolve: (results: readonly ScheduleResult[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options
    this.#policy = completePolicy(options.policy)
    this.#clock = options.clock
    this.#resolve = resolve
    this.#reject = reject
    const jobs = options.jobs
    this.#unfinished = jobs.length
    this.#estimates = new Estimates(jobs, options.pastMs, this.#policy)
    const onlyFallbacks = options.distributors.every((spec) => spec.role === 'fallback')
    this.#lanes = options.distributors
      .filter((spec) => spec.role !== 'fallback' || onlyFallbacks || this.#policy.fallback === 'local')
      .map((spec, index) => {
        const isFallback = spec.role === 'fallback' && !onlyFallbacks
        return new Lane(index, spec, isFallback, jobs.length, this.#estimates, this.#policy, (kind, message) =>
          this.#warn(spec.name, kind, message),
        )
      })
    this.#jobs = jobs.map(newJobState)
    this.#pending = new Pending(this.#order(), this.#estimates.units)
  }

  begin(): void {
    this.#guard(() => {
      const { signal } = this.#options
      if (signal?.aborted === true) this.#cancelRest()
      if (this.#unfinished === 0) return this.#end()
      const onAbort = (): void => this.#guard(() => this.#cancelRest())
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#cleanups.push(() => signal?.removeEventListener('abort', onAbort))
      const atMs = (this.#begunMs = this.#clock.now())
      for (const lane of this.#lanes) this.#open(lane)
      for (const state of this.#jobs) {
        if (state.result !== undefined) continue
        this.#emit({
          kind: 'job-queued',
          atMs,
          job: state.position,
          expectedMs: this.#estimates.units[state.position] ?? 0,
        })
        this.#enqueue(state)
      }
      this.#dispatch()
    })
  }

  // ---- the order of jobs, and their way into the queue

  #order(): number[] {
    const units = this.#estimates.units
    const order = this.#jobs.map((state) => state.position)
    const here = this.#lanes.every((lane) => lane.isOnThisMachine)
    const stock = here && this.#options.pastMs === undefined
    if (stock) return order.sort((a, b) => (this.#jobs[a]?.job.index ?? a) - (this.#jobs[b]?.job.index ?? b))
    return order.sort((a, b) => (units[b] ?? 0) - (units[a] ?? 0) || a - b)
  }

  #enqueue(state: JobState): void {
    const route = routeOf(state, this.#lanes, this.#policy)
    switch (route.kind) {
      case 'primaries':
        return this.#pending.add(state.position, route.excluded, false)
      case 'last-resort':
        return this.#pending.add(state.position, route.excluded, true)
      case 'nowhere':
        if (state.refusal === undefined) return this.#failNowhere(state)
        return this.#doesNotCompile(state, state.refusal.lane, state.refusal.result.diagnostics)
    }
  }

  #requeue(state: JobState): void {
    if (state.result !== undefined || state.live.length > 0) return
    this.#unqueue(state)
    this.#enqueue(state)
    if (state.result !== undefined) return
    const lastResort = routeOf(state, this.#lanes, this.#policy).kind === 'last-resort'
    this.#emit({ kind: 'job-requeued', atMs: this.#clock.now(), job: state.position, lastResort })
  }

  #unqueue(state: JobState): void {
    if (!this.#pending.has(state.position)) return
    this.#pending.remove(state.position)
    if (state.live.length > 0) this.#duplicatesWaiting--
  }

  // ---- starting

  /** Fills every slot that should be filled. */
  #dispatch(): void {
    if (this.#dispatching || this.#unfinished === 0) return
    if (this.#pending.size === 0) return this.#armPulse()
    this.#dispatching = true
    const nowMs = this.#clock.now()
    for (const lane of this.#lanes) if (lane.dirty) lane.refresh(nowMs, false)
    const board = this.#board(nowMs)
    let place: Place | undefined
    while (this.#pending.size > 0 && (place = nextProbe(board) ?? nextScout(board) ?? nextPlace(board)) !== undefined)
      this.#place(place, nowMs)
    this.#dispatching = false
    this.#armPulse()
  }

  #board(nowMs: number): Board {
    let slots = 0
    for (const lane of this.#lanes) if (lane.available && !lane.isFallback) slots += lane.limit
    const alone = this.#lanes.every((lane) => lane.isLocal || !lane.available)
    const backlog = alone || this.#pending.size > slots
    return {
      lanes: this.#lanes,
      pending: this.#pending,
      units: this.#estimates.units,
      policy: this.#policy,
      nowMs,
      slots,
      backlog,
    }
  }

  #place({ job, lane }: Place, nowMs: number): void {
    const state = this.#state(job)
    this.#unqueue(state)
    const running = state.live.at(-1)
    if (running === undefined) return this.#start(state, lane, this.#reasonFor(state, lane), nowMs)
    // A duplicate: what made it worth while may have changed since.
    const freshMs = lane.estimate.expectedMs(this.#estimates.units[job] ?? 0)
    if (pays(running, freshMs, this.#estimates, nowMs, this.#policy, 1)) this.#start(state, lane, 'hedge', nowMs)
  }

  #reasonFor(state: JobState, lane: Lane): StartReason {
    if (lane.breaker.kind === 'half-open') return 'probe'
    if (lane.isFallback) return 'fallback'
    return state.attempts === 0 ? 'first' : 'retry'
  }

  #start(state: JobState, lane: Lane, reason: StartReason, nowMs: number): void {
    const units = this.#estimates.units[state.position] ?? 0
    const waitMs = lane.backlogMs(nowMs)
    const attempt: Attempt = {
      id: this.#attempts++,
      job: state.position,
      lane,
      reason,
      startedMs: nowMs,
      units,
      waitMs,
      expectedMs: waitMs + lane.estimate.expectedMs(units),
      controller: new AbortController(),
      state: { kind: 'running' },
    }
    state.attempts++
    if (reason === 'hedge') state.hedges++
    state.firstStartMs ??= nowMs
    state.live.push(attempt)
    lane.add(attempt)
    const { id, job, expectedMs } = attempt
    this.#emit({ kind: 'attempt-started', atMs: nowMs, job, attempt: id, distributor: lane.name, reason, expectedMs })
    callCompile(lane.spec.distributor, state.job, attempt.controller.signal).then(
      (value) => this.#guard(() => this.#answered(attempt, value)),
      (thrown: unknown) => this.#guard(() => this.#threw(attempt, thrown)),
    )
  }

  // ---- settling

  #answered(attempt: Attempt, value: unknown): void {
    if (!this.#settle(attempt)) return
    let result: CompileResult
    try {
      result = checkResult(value, attempt.lane.name)
    } catch (thrown) {
      return this.#trouble(attempt, thrown)
    }
    const state = this.#state(attempt.job)
    switch (result.kind) {
      case 'object':
      case 'here':
        return this.#accept(attempt, result)
      case 'cannot':
        state.cannotOn.set(attempt.lane.index, result.reason)
        this.#ended(attempt, { kind: 'cannot', reason: result.reason })
        break
      case 'does-not-compile':
        this.#ended(attempt, { kind: 'does-not-compile' })
        if (attempt.lane.isLocal) this.#doesNotCompile(state, attempt.lane, result.diagnostics)
        else state.refusal = { lane: attempt.lane, result }
        break
    }
    this.#requeue(state)
    this.#dispatch()
  }

  #threw(attempt: Attempt, thrown: unknown): void {
    if (this.#settle(attempt)) this.#trouble(attempt, thrown)
  }

  /** Frees the slot. False if nobody waits for the answer any more. */
  #settle(attempt: Attempt): boolean {
    attempt.lane.release(attempt)
    if (attempt.state.kind === 'running') return true
    attempt.state = { kind: 'over' }
    this.#dispatch()
    return false
  }

  #accept(attempt: Attempt, result: CompiledObject | CompiledHere): void {
    attempt.state = { kind: 'accepting' }
    const elapsedMs = this.#clock.now() - attempt.startedMs
    const refused = (thrown: unknown): void => {
      if (!DtltoError.is(thrown)) throw thrown
      if (attempt.state.kind === 'accepting') this.#trouble(attempt, thrown)
    }
    let accepted: Accepted | Promise<Accepted>
    try {
      accepted = this.#options.accept(this.#state(attempt.job).job, result, { distributorName: attempt.lane.name })
    } catch (thrown) {
      return refused(thrown)
    }
    if (accepted === 'placed' || accepted === 'lost') return this.#accepted(attempt, result, accepted, elapsedMs)
    accepted.then(
      (accepted) => this.#guard(() => this.#accepted(attempt, result, accepted, elapsedMs)),
      (thrown: unknown) => this.#guard(() => refused(thrown)),
    )
    this.#dispatch()
  }

  #accepted(attempt: Attempt, result: CompiledObject | CompiledHere, accepted: Accepted, elapsedMs: number): void {
    if (attempt.state.kind !== 'accepting') return
    const state = this.#state(attempt.job)
    const { lane } = attempt
    lane.estimate.observe(attempt.units, elapsedMs, statedCompileMs(result.timings, elapsedMs))
    this.#success(lane, attempt.startedMs)
    this.#ended(attempt, { kind: accepted }, result)
    // `lost` while another attempt is live: that one has handed its object over, and its answer is on the way.
    if (accepted === 'lost' && state.live.length > 0) return this.#dispatch()
    if (state.refusal !== undefined && lane.isLocal) {
      const { name } = state.refusal.lane
      const text = `distributor '${name}' could not compile '${state.job.moduleId}', but this machine can`
      this.#warn(name, 'refused', text)
      this.#count(state.refusal.lane, new DtltoError('DTLTO_DISTRIBUTOR_FAILED', text))
    }
    this.#finish(state, {
      kind: 'done',
      distributor: lane.name,
      ...(result.worker === undefined ? {} : { worker: result.worker }),
      timings: result.timings,
      attempts: state.attempts,
      elapsedMs: this.#clock.now() - (state.firstStartMs ?? attempt.startedMs),
    })
    this.#dispatch()
  }

  #trouble(attempt: Attempt, thrown: unknown): void {
    const { lane } = attempt
    const state = this.#state(attempt.job)
    const error = asTrouble(thrown, lane.name)
    const remedy = remedyFor(error)
    state.troubles.push({ lane, error, atMs: this.#clock.now() })
    state.failedOn.add(lane.index)
    this.#ended(attempt, { kind: 'trouble', error })
    this.#warn(lane.name, error.code, error.message)
    switch (remedy) {
      case 'retry':
        this.#count(lane, error, state)
        break
      case 'retire':
        this.#retire(lane, error)
        break
      case 'fatal':
        this.#fail(state, error)
        break
    }
    this.#requeue(state)
    this.#dispatch()
  }

  #ended(attempt: Attempt, outcome: AttemptOutcome, result?: CompiledObject | CompiledHere): void {
    const { live } = this.#state(attempt.job)
    const at = live.indexOf(attempt)
    if (at >= 0) live.splice(at, 1)
    // The duplicate that waits is now the job itself: `#requeue` puts it where it belongs.
    if (live.length === 0 && this.#pending.has(attempt.job)) {
      this.#pending.remove(attempt.job)
      this.#duplicatesWaiting--
    }
    attempt.state = outcome.kind === 'abandoned' ? { kind: 'abandoned', sinceMs: this.#clock.now() } : { kind: 'over' }
    this.#emit({
      kind: 'attempt-ended',
      atMs: this.#clock.now(),
      job: attempt.job,
      attempt: attempt.id,
      distributor: attempt.lane.name,
      outcome,
      ...(result?.worker === undefined ? {} : { worker: result.worker }),
      ...(result === undefined ? {} : { timings: result.timings }),
    })
  }

  // ---- lanes that do well or badly

  #success(lane: Lane, begunMs: number): void {
    if (lane.succeeded(begunMs))
      this.#emit({ kind: 'distributor-recovered', atMs: this.#clock.now(), distributor: lane.name })
  }

  /** `state`: the job that had the trouble. One that has had its attempts and is retried all the same is a victim. */
  #count(lane: Lane, cause: DtltoError, state?: JobState): void {
    const isDown =
      state !== undefined &&
      state.troubles.length >= this.#policy.maxAttempts &&
      routeOf(state, this.#lanes, this.#policy).kind === 'primaries'
    const restMs = lane.troubled(cause, this.#clock.now(), isDown)
    if (restMs !== undefined)
      this.#emit({ kind: 'distributor-rested', atMs: this.#clock.now(), distributor: lane.name, restMs, cause })
  }

  #retire(lane: Lane, cause: DtltoError): void {
    if (lane.retired) return
    lane.retire(cause)
    this.#emit({ kind: 'distributor-retired', atMs: this.#clock.now(), distributor: lane.name, cause })
    // Jobs that could go nowhere else must learn it.
    for (const job of this.#pending.drain()) {
      const state = this.#state(job)
      if (state.live.length > 0) this.#duplicatesWaiting--
      else if (state.result === undefined) this.#enqueue(state)
    }
  }

  // ---- ending

  #doesNotCompile(
    state: JobState,
    lane: Lane,
    diagnostics: Extract<ScheduleResult, { kind: 'does-not-compile' }>['diagnostics'],
  ): void {
    this.#success(lane, state.firstStartMs ?? this.#begunMs)
    this.#finish(state, { kind: 'does-not-compile', distributor: lane.name, diagnostics })
    if (this.#policy.cancelOnFailure) this.#cancelRest()
  }

  /** The link is lost, so the other jobs are not worth compiling. */
  #fail(state: JobState, error: DtltoError): void {
    this.#finish(state, { kind: 'failed', error })
    this.#cancelRest()
  }

  #failNowhere(state: JobState): void {
    this.#fail(state, noDistributorLeft(state, this.#lanes, this.#policy))
  }

  #cancelRest(): void {
    for (const state of this.#jobs) this.#finish(state, { kind: 'cancelled' })
  }

  /** The one place where a job ends. */
  #finish(state: JobState, result: ScheduleResult): void {
    if (state.result !== undefined) return
    state.result = result
    this.#unqueue(state)
    for (const attempt of [...state.live]) this.#abandon(attempt)
    this.#unfinished--
    const summary = result.kind === 'done' || result.kind === 'cancelled' ? result.kind : 'failed'
    this.#emit({ kind: 'job-ended', atMs: this.#clock.now(), job: state.position, result: summary })
    if (this.#unfinished === 0) this.#end()
  }

  #abandon(attempt: Attempt): void {
    attempt.lane.estimate.observeUnfinished(attempt.units, this.#clock.now() - attempt.startedMs)
    this.#ended(attempt, { kind: 'abandoned' })
    attempt.controller.abort(new DtltoError('DTLTO_CANCELLED', 'the result of this attempt is not needed any more'))
  }

  #end(): void {
    this.#cancelPulse?.()
    this.#cancelStatus?.()
    this.#cancelPulse = this.#cancelStatus = undefined
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
    this.#over.abort()
    this.#resolve(this.#jobs.map((state) => state.result ?? { kind: 'cancelled' }))
  }

  // ---- time

  /** Only remote work can hang, be late or come back; and when nothing is in flight, nothing else would wake us up. */
  #armPulse(): void {
    if (this.#cancelPulse !== undefined || this.#unfinished === 0) return
    if (
      !this.#lanes.some((lane) => !lane.isLocal || lane.preparing) &&
      this.#lanes.some((lane) => lane.inFlight.size > 0)
    )
      return
    this.#cancelPulse = this.#clock.setTimer(this.#clock.now() + this.#policy.pulseMs, () => {
      this.#cancelPulse = undefined
      this.#guard(() => this.#pulse())
    })
  }

  #pulse(): void {
    if (this.#unfinished === 0) return
    const nowMs = this.#clock.now()
    for (const lane of this.#lanes) {
      lane.refresh(nowMs, true)
      this.#lookAtAttempts(lane, nowMs)
      if (nowMs - this.#begunMs >= this.#policy.slowStartMs) this.#warnOfSlowStart(lane)
    }
    this.#giveUp(nowMs)
    if (this.#policy.hedge) this.#hedge(nowMs)
    this.#dispatch()
    this.#armPulse()
  }

  #lookAtAttempts(lane: Lane, nowMs: number): void {
    let late = 0
    for (const attempt of lane.inFlight) {
      const elapsedMs = nowMs - attempt.startedMs
      if (attempt.state.kind !== 'running' || isLate(attempt, this.#estimates, nowMs, this.#policy)) late++
      if (lane.isLocal) continue
      if (attempt.state.kind === 'running' && elapsedMs > this.#deadlineMs(attempt))
        this.#missedDeadline(attempt, elapsedMs)
      else if (attempt.state.kind === 'abandoned' && nowMs - attempt.state.sinceMs > this.#policy.abortGraceMs)
        this.#writeOff(attempt)
    }
    lane.setStalled(late > 0 && (late === lane.inFlight.size || !lane.proven), nowMs)
  }

  #deadlineMs(attempt: Attempt): number {
    const { deadlineFactor, deadlineFloorMs } = this.#policy
    const expectedMs = attempt.lane.estimate.provenMs(attempt.units) * (this.#estimates.blind ? 4 : 1)
    return Math.max(deadlineFloorMs, expectedMs * deadlineFactor) * 2 ** this.#state(attempt.job).deadlinesMissed
  }

  #missedDeadline(attempt: Attempt, elapsedMs: number): void {
    const state = this.#state(attempt.job)
    state.deadlinesMissed++
    this.#abandon(attempt)
    const seconds = Math.round(elapsedMs / 1_000)
    const text = `distributor '${attempt.lane.name}' has not compiled '${state.job.moduleId}' within ${String(seconds)} s`
    this.#lateTrouble(
      attempt,
      new DtltoError('DTLTO_DEADLINE_EXCEEDED', text, { details: { module: state.job.moduleId, elapsedMs } }),
    )
  }

  /** A trouble of an attempt that is over for us but may still hold its slot. */
  #lateTrouble(attempt: Attempt, error: DtltoError): void {
    const state = this.#state(attempt.job)
    state.troubles.push({ lane: attempt.lane, error, atMs: this.#clock.now() })
    state.failedOn.add(attempt.lane.index)
    this.#warn(attempt.lane.name, error.code, error.message)
    this.#count(attempt.lane, error, state)
    this.#requeue(state)
  }

  #writeOff(attempt: Attempt): void {
    attempt.state = { kind: 'over' }
    attempt.lane.release(attempt)
    const text = `distributor '${attempt.lane.name}' broke its contract: it ignores that a job was aborted`
    this.#warn(attempt.lane.name, 'ignores-abort', text)
    this.#count(attempt.lane, new DtltoError('DTLTO_PLUGIN_MISBEHAVED', text))
  }

  #hedge(nowMs: number): void {
    for (const { attempt, excluded } of hedges(
      this.#board(nowMs),
      this.#jobs,
      this.#estimates,
      this.#duplicatesWaiting,
    )) {
      this.#pending.add(attempt.job, excluded, true)
      this.#duplicatesWaiting++
      const elapsedMs = nowMs - attempt.startedMs
      this.#emit({ kind: 'job-hedged', atMs: nowMs, job: attempt.job, elapsedMs, expectedMs: attempt.expectedMs })
    }
  }

  /** Jobs whose every distributor has never worked or been unavailable for too long, with nothing to fall back to. */
  #giveUp(nowMs: number): void {
    const board = this.#board(nowMs)
    for (const group of [...this.#pending.groups]) {
      const hopeless = this.#lanes.every((lane) => {
        if (group.excluded.has(lane.index) || lane.neverWorked) return true
        if (lane.unavailableSinceMs === undefined) return lane.isFallback && !admits(board, group, lane)
        return nowMs - lane.unavailableSinceMs > this.#policy.giveUpMs
      })
      const state = hopeless ? this.#state(this.#pending.first(group)) : undefined
      if (state !== undefined && state.live.length === 0) return this.#failNowhere(state)
    }
  }

  // ---- what comes from outside

  #open(lane: Lane): void {
    const { spec } = lane
    const unsubscribe = spec.onStatusChanged?.(() => this.#statusChanged())
    if (unsubscribe !== undefined) this.#cleanups.push(unsubscribe)
    this.#awaitOpening(lane)
    if (lane.isFallback || spec.distributor.prepare === undefined) return
    lane.preparing = true
    const done = (warn: () => void): void => {
      if (!lane.preparing || this.#unfinished === 0) return
      warn()
      lane.preparing = false
      lane.dirty = true
      this.#dispatch()
    }
    const cancel = this.#clock.setTimer(this.#clock.now() + this.#policy.prepareMs, () =>
      this.#guard(() => done(() => this.#warnOfSlowStart(lane))),
    )
    this.#cleanups.push(cancel)
    new Promise<void>((resolve) =>
      resolve(spec.distributor.prepare?.(Object.freeze([...this.#options.jobs]), this.#over.signal)),
    ).then(
      () => this.#guard(() => done(() => undefined)),
      (thrown: unknown) => {
        const text = `distributor '${lane.name}' could not prepare: ${asTrouble(thrown, lane.name).message}`
        this.#guard(() => done(() => this.#warn(lane.name, 'prepare', text)))
      },
    )
  }

  /** A distributor that cannot be opened need not be waited for. Whoever opened it has told the user why. */
  #awaitOpening(lane: Lane): void {
    if (lane.spec.opened === undefined) return
    lane.opening = true
    lane.spec.opened.then(
      () => {
        lane.opening = false
      },
      (thrown: unknown) =>
        this.#guard(() => {
          if (this.#unfinished === 0) return
          lane.opening = lane.preparing = false
          this.#retire(lane, asTrouble(thrown, lane.name))
          this.#dispatch()
        }),
    )
  }

  /** Nothing has failed, so nothing else would tell the user why a distributor has no part in the link. */
  #warnOfSlowStart(lane: Lane): void {
    const { name, waitsFor } = lane
    if (waitsFor === undefined || lane.isFallback) return
    const seconds = Math.round((this.#clock.now() - this.#begunMs) / 1_000)
    this.#warn(name, 'slow-start', `distributor '${name}' has taken no work for ${String(seconds)} s: ${waitsFor}`)
  }

  /** Through a timer: a `status()` that calls `statusChanged` must not keep the event loop for itself. */
  #statusChanged(): void {
    if (this.#unfinished === 0 || this.#cancelStatus !== undefined) return
    this.#cancelStatus = this.#clock.setTimer(this.#clock.now() + this.#policy.statusCoalesceMs, () => {
      this.#cancelStatus = undefined
      this.#guard(() => {
        if (this.#unfinished === 0) return
        for (const lane of this.#lanes) lane.refresh(this.#clock.now(), true)
        this.#dispatch()
      })
    })
  }

  #state(job: number): JobState {
    const state = this.#jobs[job]
    if (state === undefined)
      throw new Error(`bug in dtlto: there is no job ${String(job)} among ${String(this.#jobs.length)}`)
    return state
  }

  #warn(distributor: string, warning: string, message: string): void {
    const key = `${distributor}\n${warning}`
    if (this.#warned.has(key)) return
    this.#warned.add(key)
    this.#emit({ kind: 'warning', atMs: this.#clock.now(), distributor, warning, message })
  }

  #emit(event: SchedulerEvent): void {
    this.#options.onEvent?.(event)
  }

  /** Every way in from outside: a bug must end the schedule with an error, never leave it waiting. */
  #guard(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#reject(error)
      this.#unfinished = 0
      this.#end()
    }
  }
}
