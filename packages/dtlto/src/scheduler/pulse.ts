/**
 * The one timer of the schedule. It looks after everything that depends on the passing of time: lateness, deadlines, limits on queueing, rests,
 * changes that nobody announced, giving up. Only remote work can hang, be late or come back, so a link that compiles at home alone runs
 * without it.
 */
import { DtltoError } from '../errors.js'
import type { Clock } from './clock.js'
import type { Dispatcher } from './dispatcher.js'
import type { EndpointExecutor } from './endpoint.js'
import type { Endpoints } from './endpoints.js'
import type { Attempt } from './executor.js'
import { hedges, isLate } from './hedging.js'
import type { HomeExecutor } from './home.js'
import { liveAttempts } from './job-state.js'
import type { Jobs } from './jobs.js'
import type { Outcomes } from './outcomes.js'

/** Looking at many endpoints, and at what they have, takes time, so it is done less often. */
const MS_PER_ENDPOINT = 0.02
const MS_PER_ATTEMPT = 0.05

export interface PulseOptions {
  readonly jobs: Jobs
  readonly endpoints: Endpoints
  readonly home: HomeExecutor | undefined
  readonly dispatcher: Dispatcher
  readonly outcomes: Outcomes
  readonly clock: Clock
  /** Runs what comes from outside: a bug ends the schedule. */
  readonly guard: (fn: () => void) => void
}

export class Pulse {
  readonly #options: PulseOptions
  readonly #begunMs: number
  #cancel: (() => void) | undefined

  constructor(options: PulseOptions) {
    this.#options = options
    this.#begunMs = options.clock.now()
  }

  start(): void {
    const { endpoints, clock, guard } = this.#options
    if (endpoints.distributors.length === 0) return
    let attempts = 0
    for (const { inFlight } of endpoints.all) attempts += inFlight.size
    const afterMs = Math.max(
      endpoints.policy.pulseMs,
      endpoints.all.length * MS_PER_ENDPOINT,
      attempts * MS_PER_ATTEMPT,
    )
    this.#cancel = clock.setTimer(clock.now() + afterMs, () => guard(() => this.#beat()))
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #beat(): void {
    const { endpoints, jobs, dispatcher, clock } = this.#options
    const nowMs = clock.now()
    endpoints.rereadSometimes()
    endpoints.roster.askIdle()
    endpoints.update()
    for (const endpoint of endpoints.all)
      if (endpoint.inFlight.size > 0 || endpoint.stalled) this.#lookAtAttempts(endpoint, nowMs)
    const sinceMs = nowMs - this.#begunMs
    if (sinceMs >= endpoints.policy.slowStartMs)
      for (const distributor of endpoints.distributors) endpoints.warnOfSlowStart(distributor, sinceMs)
    this.#giveUp(nowMs)
    if (endpoints.policy.hedge)
      for (const { attempt, exclusion } of hedges(dispatcher.board(), jobs)) jobs.queueDuplicate(attempt, exclusion)
    dispatcher.dispatch()
    if (jobs.unfinished > 0) this.start()
  }

  #lookAtAttempts(endpoint: EndpointExecutor, nowMs: number): void {
    const { endpoints, outcomes } = this.#options
    const { estimates, policy } = endpoints
    let [late, stuck] = [0, 0]
    for (const attempt of endpoint.inFlight) {
      switch (attempt.state.kind) {
        case 'running':
          if (isLate(attempt, estimates, nowMs, policy)) late++
          else if (attempt.startedMs === undefined && attempt.queuedMs(nowMs) >= policy.patienceMs) stuck++
          this.#lookAtLimits(attempt, endpoint, nowMs)
          break
        case 'abandoned':
          stuck++
          if (nowMs - attempt.state.sinceMs > policy.abortGraceMs) outcomes.writeOff(attempt)
          break
        case 'accepting':
        case 'over':
          break
      }
    }
    const isStalled = late + stuck > 0 && (late + stuck === endpoint.inFlight.size || (late > 0 && !endpoint.proven))
    endpoint.setStalled(isStalled, nowMs)
    if (late > 0 || isStalled) endpoints.recheck(endpoint)
  }

  #lookAtLimits(attempt: Attempt, endpoint: EndpointExecutor, nowMs: number): void {
    const state = this.#options.jobs.of(attempt)
    const { moduleId } = state.job
    if (attempt.startedMs === undefined) {
      const queuedMs = attempt.queuedMs(nowMs)
      if (queuedMs <= endpoint.belief.queueLimitMs) return
      const text = `distributor ${endpoint.label} has kept '${moduleId}' in its queue for ${seconds(queuedMs)} s`
      return this.#miss(attempt, text, { module: moduleId, queuedMs })
    }
    const elapsedMs = attempt.elapsedMs(nowMs)
    if (elapsedMs <= this.#deadlineMs(attempt, endpoint, state.deadlinesMissed)) return
    state.deadlinesMissed++
    const text = `distributor ${endpoint.label} has not compiled '${moduleId}' within ${seconds(elapsedMs)} s`
    this.#miss(attempt, text, { module: moduleId, elapsedMs })
  }

  #miss(attempt: Attempt, text: string, details: Readonly<Record<string, unknown>>): void {
    this.#options.outcomes.giveUpOn(attempt, new DtltoError('DTLTO_DEADLINE_EXCEEDED', text, { details }))
  }

  #deadlineMs(attempt: Attempt, endpoint: EndpointExecutor, missed: number): number {
    const { estimates, policy } = this.#options.endpoints
    const expectedMs = endpoint.estimate.provenMs(attempt.units) * (estimates.blind ? 4 : 1)
    const ownMs = Math.max(policy.deadlineFloorMs, expectedMs * policy.deadlineFactor) * 2 ** missed
    return Math.min(ownMs + attempt.bytes / policy.deadlineBytesPerMs, endpoint.belief.deadlineMs)
  }

  /** Jobs that nobody takes: every endpoint has never worked or been unavailable for too long, and this machine may not. */
  #giveUp(nowMs: number): void {
    const { endpoints, jobs, dispatcher } = this.#options
    const { giveUpMs } = endpoints.policy
    const board = dispatcher.board()
    const isWaitedFor = endpoints.distributors.some(({ mayBringEndpoints }) => mayBringEndpoints)
    for (const group of [...jobs.pending.groups]) {
      if (board.home !== undefined && board.admits(group, board.home)) continue
      if (!endpoints.all.every((endpoint) => group.exclusion.has(endpoint) || endpoint.isHopeless(nowMs))) continue
      if (isWaitedFor && nowMs - this.#begunMs <= giveUpMs) continue
      const state = jobs.at(jobs.pending.first(group))
      if (liveAttempts(state).length === 0) return jobs.failNowhere(state)
    }
  }
}

function seconds(ms: number): string {
  return String(Math.round(ms / 1_000))
}
