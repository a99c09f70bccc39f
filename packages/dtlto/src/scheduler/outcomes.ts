/** What the end of an attempt means: for its job, which ends or goes elsewhere, and for its endpoint, which may be rested or retired. */
import type { BackendJob, CompiledObject, CompileResult } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { Clock } from './clock.js'
import type { AttemptListener } from './dispatcher.js'
import { EndpointExecutor } from './endpoint.js'
import type { Endpoints } from './endpoints.js'
import type { AttemptOutcome, SchedulerEvent } from './events.js'
import type { Attempt, Executor } from './executor.js'
import type { HomeResult } from './home.js'
import type { Jobs } from './jobs.js'
import { type JobState, liveAttempts, noteTrouble } from './job-state.js'
import { checkResult, statedCompileMs } from './result-shape.js'
import type { Accepted } from './result.js'
import { asTrouble, remedyFor } from './trouble.js'

/**
 * Takes an object that came from an endpoint: `placed`, or `lost` when the job has its object already. Throws DTLTO_OBJECT_REJECTED for an object
 * that cannot be right; the job then goes elsewhere. Any other error than a DtltoError is a bug of ours and ends the schedule.
 */
export type Accept = (job: BackendJob, result: CompiledObject, from: Executor) => Accepted | Promise<Accepted>

export interface OutcomesOptions {
  readonly jobs: Jobs
  readonly endpoints: Endpoints
  /** Whether this machine may compile at all. */
  readonly hasHome: boolean
  readonly accept: Accept
  readonly clock: Clock
  readonly emit: (event: SchedulerEvent) => void
  /** Frees the attempt's slot. */
  readonly release: (attempt: Attempt) => void
  /** Slots may be free, or jobs waiting, that were not before. */
  readonly dispatch: () => void
  /** Runs what comes from outside: a bug ends the schedule. */
  readonly guard: (fn: () => void) => void
}

export class Outcomes implements AttemptListener {
  readonly #options: OutcomesOptions

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  // ---- answers

  compiledAtHome(attempt: Attempt, result: HomeResult): void {
    if (!this.#settle(attempt)) return
    const { jobs, dispatch } = this.#options
    switch (result.kind) {
      case 'compiled':
        return this.#placed(attempt, 'placed', result.timings, undefined, result.beganMs)
      case 'lost':
        return this.#placed(attempt, 'lost', {}, undefined)
      case 'does-not-compile':
        this.#ended(attempt, { kind: 'does-not-compile' })
        jobs.doesNotCompile(jobs.of(attempt), attempt.executor.distributorName, result.diagnostics)
        return dispatch()
    }
  }

  homeThrew(attempt: Attempt, thrown: unknown): void {
    // It does so only when it is told to stop.
    if (this.#settle(attempt)) throw thrown
  }

  answered(attempt: Attempt, value: unknown): void {
    if (!this.#settle(attempt)) return
    const { jobs, endpoints, hasHome, dispatch } = this.#options
    const endpoint = endpointOf(attempt)
    let result: CompileResult
    try {
      result = checkResult(value, endpoint.distributorName)
    } catch (thrown) {
      return this.#trouble(attempt, thrown)
    }
    const state = jobs.of(attempt)
    switch (result.kind) {
      case 'object':
        return this.#accept(attempt, result)
      case 'cannot':
        if (result.onlyThisEndpoint === true) state.cannotThere.add(endpoint)
        else state.cannot.set(endpoint.distributorName, result.reason)
        if (result.isMiss === true) endpoint.distributor.hasMissed = true
        else endpoint.distributor.lastCannot = result.reason
        this.#ended(attempt, { kind: 'cannot', reason: result.reason, ...(result.isMiss && { isMiss: true }) })
        break
      case 'does-not-compile':
        state.refusal = { endpoint, result }
        if (!hasHome) endpoints.succeeded(endpoint, attempt.sentMs)
        this.#ended(attempt, { kind: 'does-not-compile' })
        break
    }
    jobs.requeue(state)
    dispatch()
  }

  threw(attempt: Attempt, thrown: unknown): void {
    if (this.#settle(attempt)) this.#trouble(attempt, thrown)
  }

  /** Frees the slot. False if nobody waits for the answer any more. */
  #settle(attempt: Attempt): boolean {
    this.#options.release(attempt)
    if (attempt.state.kind === 'running') return true
    attempt.state = { kind: 'over' }
    this.#options.dispatch()
    return false
  }

  // ---- objects

  #accept(attempt: Attempt, result: CompiledObject): void {
    const { jobs, accept, clock, dispatch, emit, guard } = this.#options
    jobs.accepting(attempt)
    attempt.answeredMs = clock.now()
    emit({ kind: 'attempt-answered', atMs: attempt.answeredMs, ...attempt.facts() })
    const refused = (thrown: unknown): void => {
      if (!DtltoError.is(thrown)) throw thrown
      if (attempt.state.kind === 'accepting') this.#trouble(attempt, thrown)
    }
    const accepted = (outcome: Accepted): void => {
      if (attempt.state.kind === 'accepting') this.#placed(attempt, outcome, result.timings, result.worker)
    }
    let answer: Accepted | Promise<Accepted>
    try {
      answer = accept(jobs.of(attempt).job, result, attempt.executor)
    } catch (thrown) {
      return refused(thrown)
    }
    if (answer === 'placed' || answer === 'lost') return accepted(answer)
    answer.then(
      (outcome) => guard(() => accepted(outcome)),
      (thrown: unknown) => guard(() => refused(thrown)),
    )
    dispatch()
  }

  #placed(
    attempt: Attempt,
    outcome: Accepted,
    timings: CompiledObject['timings'],
    worker: string | undefined,
    beganMs?: number,
  ): void {
    const { jobs, endpoints, clock, dispatch } = this.#options
    const state = jobs.of(attempt)
    const { executor } = attempt
    const nowMs = clock.now()
    const elapsedMs = (attempt.answeredMs ?? nowMs) - (attempt.startedMs ?? attempt.sentMs)
    if (outcome === 'placed' || !executor.isHome)
      executor.observe(attempt, elapsedMs, statedCompileMs(timings, elapsedMs))
    if (executor instanceof EndpointExecutor) {
      endpoints.succeeded(executor, attempt.sentMs)
      if (outcome === 'placed') executor.distributor.placed++
    } else executor.workedAtMs = attempt.sentMs
    this.#ended(attempt, { kind: outcome }, timings, worker, beganMs)
    // `lost` while another attempt is live: that one has handed its object over, and its answer is on the way.
    if (outcome === 'lost' && liveAttempts(state).length > 0) return dispatch()
    if (state.refusal !== undefined && executor.isHome) this.#contradicted(state, state.refusal.endpoint, attempt)
    jobs.finish(state, {
      kind: 'done',
      distributor: executor.distributorName,
      endpoint: executor.endpointId,
      ...(worker === undefined ? {} : { worker }),
      timings,
      attempts: state.attempts,
      elapsedMs: nowMs - (state.firstSentMs ?? attempt.sentMs),
    })
    dispatch()
  }

  /** An endpoint said that a job does not compile, and this machine has compiled it. */
  #contradicted(state: JobState, endpoint: EndpointExecutor, { sentMs }: Attempt): void {
    const text = `distributor ${endpoint.label} could not compile '${state.job.moduleId}', but this machine can`
    this.#blame(endpoint, 'refused', new DtltoError('DTLTO_DISTRIBUTOR_FAILED', text), sentMs)
  }

  // ---- troubles

  #trouble(attempt: Attempt, thrown: unknown): void {
    const error = asTrouble(thrown, attempt.executor.distributorName)
    this.#ended(attempt, { kind: 'trouble', error })
    this.#troubled(attempt, error)
    this.#options.dispatch()
  }

  /** Gives up an attempt that runs and may go on holding its slot. */
  giveUpOn(attempt: Attempt, error: DtltoError): void {
    this.abandon(attempt)
    this.#troubled(attempt, error)
  }

  /** What is in flight at an endpoint will not come back: its jobs go elsewhere at once. The endpoint has been judged already. */
  lostAll(endpoint: EndpointExecutor, error: DtltoError): void {
    const { jobs, clock } = this.#options
    for (const attempt of [...endpoint.inFlight]) {
      if (attempt.state.kind !== 'running') continue
      const state = jobs.of(attempt)
      this.abandon(attempt)
      noteTrouble(state, endpoint, attempt, error, clock.now())
      jobs.requeue(state)
    }
  }

  /** What a trouble means for the job and the endpoint. The attempt has ended. */
  #troubled(attempt: Attempt, error: DtltoError): void {
    const { jobs, endpoints, clock } = this.#options
    const endpoint = endpointOf(attempt)
    const state = jobs.of(attempt)
    noteTrouble(state, endpoint, attempt, error, clock.now())
    endpoints.warnings.warnOf(endpoint, error.code, error.message)
    switch (remedyFor(error)) {
      case 'retry': {
        // A job that has had its attempts and is retried all the same is a victim: the endpoint is down.
        const isDown = state.failures >= endpoints.policy.maxAttempts && jobs.routeOf(state).kind === 'anywhere'
        endpoints.troubled(endpoint, error, attempt.sentMs, isDown)
        break
      }
      case 'retire-endpoint':
        endpoints.retireEndpoint(endpoint, error)
        break
      case 'retire':
        endpoints.retireDistributor(endpoint.distributor, error)
        break
      case 'fatal':
        jobs.fail(state, error)
        break
    }
    jobs.requeue(state)
  }

  #blame(endpoint: EndpointExecutor, warning: string, error: DtltoError, sentMs: number): void {
    const { endpoints } = this.#options
    endpoints.warnings.warnOf(endpoint, warning, error.message)
    endpoints.troubled(endpoint, error, sentMs, false)
  }

  // ---- ends

  #ended(
    attempt: Attempt,
    outcome: AttemptOutcome,
    timings?: CompiledObject['timings'],
    worker?: string,
    beganMs = attempt.startedMs,
  ): void {
    const { jobs, clock, emit } = this.#options
    const nowMs = clock.now()
    attempt.state = outcome.kind === 'abandoned' ? { kind: 'abandoned', sinceMs: nowMs } : { kind: 'over' }
    jobs.attemptEnded(attempt)
    emit({
      kind: 'attempt-ended',
      atMs: nowMs,
      ...attempt.facts(),
      sentMs: attempt.sentMs,
      startedMs: beganMs,
      answeredMs: attempt.answeredMs,
      outcome,
      ...(worker === undefined ? {} : { worker }),
      ...(timings === undefined ? {} : { timings }),
    })
  }

  /** The attempt's object is not needed any more. Its slot is free when it has heard of that. */
  abandon(attempt: Attempt): void {
    if (attempt.state.kind === 'running') attempt.executor.observeUnfinished(attempt, this.#options.clock.now())
    this.#ended(attempt, { kind: 'abandoned' })
    attempt.controller.abort(new DtltoError('DTLTO_CANCELLED', 'the result of this attempt is not needed any more'))
  }

  /** An abandoned attempt that ignores the abort. */
  writeOff(attempt: Attempt): void {
    const endpoint = endpointOf(attempt)
    attempt.state = { kind: 'over' }
    this.#options.release(attempt)
    const text = `distributor ${endpoint.label} broke its contract: it ignores that a job was aborted`
    this.#blame(endpoint, 'ignores-abort', new DtltoError('DTLTO_PLUGIN_MISBEHAVED', text), attempt.sentMs)
  }
}

function endpointOf({ executor }: Attempt): EndpointExecutor {
  if (executor instanceof EndpointExecutor) return executor
  throw new Error(`bug in dtlto: an endpoint was expected in place of '${executor.distributorName}'`)
}
