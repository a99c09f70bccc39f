/**
 * The scheduler decides which job is compiled where, and when.
 *
 * It is given the jobs of one link, all known from the start, each with an estimate of its length; this machine; and endpoints of distributors,
 * which may be fast, slow, overloaded, broken or lying. It wants all objects as early as possible, and never to lose the link because of an
 * endpoint.
 *
 * One idea a file:
 * - jobs, their phases and the queue, longest first                 jobs.ts, job-state.ts, pending.ts
 * - where a job may go after what has happened to it                route.ts, exclusion.ts
 * - how long a job takes where, learnt while the link runs          estimate.ts
 * - the longest job to the executor that should finish it first;
 *   unknown machines get a short one first                          placement.ts, roster.ts, fastest.ts
 * - while much is on its way, the job with the most work a byte     openers.ts, on-their-way.ts
 * - starting attempts                                               dispatcher.ts
 * - what the end of an attempt means                                outcomes.ts, trouble.ts
 * - what compiles jobs: this machine, or an endpoint                executor.ts, home.ts, endpoint.ts
 * - what endpoints there are: opening, status, probes, rests        endpoints.ts, belief.ts, probes.ts, breaker.ts
 * - late jobs are started a second time; the first object wins      hedging.ts
 * - the passing of time: lateness, deadlines, giving up             pulse.ts
 * This file puts them together, from the first job to the last.
 *
 * Why longest first: such a schedule ends at most 4/3 of the optimum late, and in practice, with thousands of jobs, within a few per cent,
 * since the short ones fill the gaps. There is one exception: when this machine alone is used and no durations of a past link are known, jobs
 * start in lld's order. Diagnostics then come in stock lld's order, and a machine with few cores gains little from another.
 *
 * It is pure. Time comes from a Clock, distributors are called through their public interface, what happened goes out as events. The same
 * inputs and timings give the same decisions: nothing depends on chance.
 */
import type { BackendJob } from '../distributors/interface.js'
import type { Clock } from './clock.js'
import { Dispatcher } from './dispatcher.js'
import type { DistributorState } from './distributor-state.js'
import type { Endpoints } from './endpoints.js'
import type { SchedulerEvent } from './events.js'
import type { Exclusion } from './exclusion.js'
import { type Home, HomeExecutor } from './home.js'
import { liveAttempts } from './job-state.js'
import { Jobs } from './jobs.js'
import { type Accept, Outcomes } from './outcomes.js'
import type { Group } from './pending.js'
import { Pulse } from './pulse.js'
import type { ScheduleResult } from './result.js'

export type { Accepted } from './result.js'

export interface ScheduleOptions {
  readonly jobs: readonly BackendJob[]
  /** This machine; undefined where it may compile nothing. */
  readonly home: Home | undefined
  /** Whether this machine takes part; else it compiles what nobody else does. Without distributors it does in any case. */
  readonly homeTakesPart: boolean
  readonly endpoints: Endpoints
  /** Jobs start in lld's order, as they do without distributors: for distributors that use this machine alone. */
  readonly inLldOrder?: boolean
  readonly clock: Clock
  readonly accept: Accept
  /** Milliseconds that the job's backend took in a past link, if known. */
  readonly pastMs?: ((job: BackendJob) => number | undefined) | undefined
  /** Cancels everything. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: SchedulerEvent) => void
}

/**
 * Compiles all jobs and resolves with their results, placed as `jobs` is, when every job has ended. It does not wait for
 * aborted attempts. Rejects only for a bug of ours (in the scheduler, in `accept`, in `home` or in `onEvent`); then nothing is accepted any more.
 */
export function schedule(options: ScheduleOptions): Promise<readonly ScheduleResult[]> {
  return new Promise((resolve, reject) => {
    new Schedule(options, resolve, reject).begin()
  })
}

class Schedule {
  readonly #options: ScheduleOptions
  readonly #home: HomeExecutor | undefined
  readonly #homeTakesPart: boolean
  readonly #jobs: Jobs
  readonly #dispatcher: Dispatcher
  readonly #outcomes: Outcomes
  readonly #pulse: Pulse
  readonly #resolve: (results: readonly ScheduleResult[]) => void
  readonly #reject: (error: unknown) => void
  readonly #cleanups: (() => void)[] = []
  #hasFailed = false

  constructor(
    options: ScheduleOptions,
    resolve: (results: readonly ScheduleResult[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    const { endpoints, clock, accept, pastMs } = options
    const { estimates, policy, distributors } = endpoints
    estimates.plan(options.jobs, pastMs)
    const home = options.home && new HomeExecutor(options.home, estimates, policy)
    const homeTakesPart = options.homeTakesPart || distributors.length === 0
    const emit = (event: SchedulerEvent): void => options.onEvent?.(event)
    const guard = (fn: () => void): void => this.#guard(fn)
    const jobs = new Jobs({
      jobs: options.jobs,
      longestFirst: (distributors.length > 0 && options.inLldOrder !== true) || pastMs !== undefined,
      estimates,
      takers: { home, endpoints: endpoints.all, distributors, policy },
      clock,
      emit,
      abandon: (attempt) => outcomes.abandon(attempt),
      onEnd: () => this.#end(),
    })
    const outcomes = new Outcomes({
      jobs,
      endpoints,
      hasHome: home !== undefined,
      accept,
      clock,
      emit,
      release: (attempt) => dispatcher.release(attempt),
      dispatch: () => dispatcher.dispatch(),
      guard,
    })
    const listener = outcomes
    const dispatcher = new Dispatcher({ jobs, endpoints, home, homeTakesPart, clock, emit, listener, guard })
    this.#pulse = new Pulse({ jobs, endpoints, home, dispatcher, outcomes, clock, guard })
    this.#home = home
    this.#homeTakesPart = homeTakesPart
    this.#jobs = jobs
    this.#dispatcher = dispatcher
    this.#outcomes = outcomes
  }

  begin(): void {
    this.#guard(() => {
      const { jobs, signal, endpoints } = this.#options
      if (jobs.length === 0) return this.#end()
      if (signal?.aborted === true) return this.#jobs.cancelRest()
      const onAbort = (): void => this.#guard(() => this.#jobs.cancelRest())
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#cleanups.push(() => signal?.removeEventListener('abort', onAbort))
      endpoints.begin(this.#jobs, {
        changed: () => this.#dispatcher.dispatch(),
        appeared: () => this.#reroute(({ exclusion }) => exclusion.isHomeOnly),
        retired: () => this.#reroute(({ exclusion }) => !exclusion.isHomeOnly && !this.#hasTaker(exclusion)),
        lost: (endpoint, error) => this.#outcomes.lostAll(endpoint, error),
        failed: (error) => this.#fail(error),
      })
      if (this.#home) {
        const { home } = this.#home
        if (this.#homeTakesPart) home.prepare(jobs.length)
        this.#cleanups.push(home.onSlotsChanged(() => this.#guard(() => this.#dispatcher.dispatch())))
      }
      this.#jobs.enqueueAll()
      this.#dispatcher.dispatch()
      if (this.#jobs.unfinished > 0) this.#pulse.start()
    })
  }

  /** Of groups of waiting jobs whose way may be another now. */
  #reroute(concerns: (group: Group) => boolean): void {
    for (const group of [...this.#jobs.pending.groups]) if (concerns(group)) this.#jobs.reroute(group)
    this.#dispatcher.dispatch()
  }

  /** Whether any endpoint outside of an exclusion may still take jobs. */
  #hasTaker(exclusion: Exclusion): boolean {
    const { all, distributors } = this.#options.endpoints
    return (
      distributors.some(({ mayBringEndpoints, name }) => mayBringEndpoints && !exclusion.hasDistributor(name)) ||
      all.some((endpoint) => !endpoint.retired && !exclusion.has(endpoint))
    )
  }

  #end(): void {
    this.#options.endpoints.tellAbsent()
    for (const state of this.#options.endpoints.distributors) this.#warnOfIdle(state)
    this.#stop()
    this.#resolve(this.#jobs.all.map(({ phase }) => (phase.kind === 'ended' ? phase.result : { kind: 'cancelled' })))
  }

  /** A distributor that was named and had no part in the link: the user should know why, if nothing has told yet. */
  #warnOfIdle(state: DistributorState): void {
    const { endpoints } = this.#options
    const jobs = this.#jobs.all
    const { name, placed } = state
    if (jobs.length === 0 || placed > 0 || endpoints.warnings.has(name)) return
    if (jobs.some(({ phase }) => phase.kind === 'ended' && phase.result.kind === 'cancelled')) return
    // A cache that did not have them has had its part.
    if (state.hasMissed && state.lastCannot === undefined) return
    const why = state.lastCannot ?? endpoints.waitsFor(state) ?? this.#whyUnanswered(state)
    if (why === undefined) return
    const which = jobs.length === 1 ? 'the job' : `any of the ${String(jobs.length)} jobs`
    endpoints.warnings.warn(name, 'took-none', `distributor '${name}' has not compiled ${which}: ${why}`)
  }

  /** In a short link this machine may just have been faster: that is no reason for a warning. */
  #whyUnanswered(state: DistributorState): string | undefined {
    const { clock, endpoints } = this.#options
    const sinceMs = clock.now() - (state.firstSentMs ?? clock.now())
    if (sinceMs < endpoints.policy.slowStartMs || endpoints.of(state).some(({ proven }) => proven)) return undefined
    return 'nothing that it was sent came back before others had compiled it'
  }

  /** Every way in from outside: a bug must end the schedule with an error, never leave it waiting. */
  #guard(fn: () => void): void {
    if (this.#hasFailed) return
    try {
      fn()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#hasFailed = true
    this.#reject(error)
    this.#stop()
    for (const state of this.#jobs.all) for (const { controller } of liveAttempts(state)) controller.abort()
  }

  #stop(): void {
    this.#pulse.stop()
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
    this.#options.endpoints.end()
  }
}
