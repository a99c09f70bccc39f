/** Fills slots: takes waiting jobs out of the queue and starts attempts, until no slot should be filled. */
import type { BackendJob } from '../distributors/interface.js'
import type { Clock } from './clock.js'
import { EndpointExecutor } from './endpoint.js'
import type { Endpoints } from './endpoints.js'
import type { SchedulerEvent, StartReason } from './events.js'
import { Attempt, type Executor } from './executor.js'
import { pays } from './hedging.js'
import type { Home, HomeExecutor, HomeResult } from './home.js'
import type { Jobs } from './jobs.js'
import { OnTheirWay } from './on-their-way.js'
import { ENOUGH_BYTES } from './openers.js'
import { Board, Horizon, nextOpener, nextPlace, nextProbe, nextScout, type Place } from './placement.js'
import { copyThrown } from './result-shape.js'

/** What one attempt came to. */
export interface AttemptListener {
  answered(attempt: Attempt, value: unknown): void
  threw(attempt: Attempt, thrown: unknown): void
  compiledAtHome(attempt: Attempt, result: HomeResult): void
  homeThrew(attempt: Attempt, thrown: unknown): void
}

export interface DispatcherOptions {
  readonly jobs: Jobs
  readonly endpoints: Endpoints
  readonly home: HomeExecutor | undefined
  readonly homeTakesPart: boolean
  readonly clock: Clock
  readonly emit: (event: SchedulerEvent) => void
  readonly listener: AttemptListener
  /** Runs what comes from outside: a bug ends the schedule. */
  readonly guard: (fn: () => void) => void
}

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #horizon = new Horizon()
  #attempts = 0
  readonly #onTheirWay = new OnTheirWay()
  /** Long jobs that could not wait are on their way, more than enough: what would start beside them waits behind them. */
  #isFlooded = false
  /** A job had to wait for bytes in flight. */
  #isFull = false
  #isDispatching = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Fills every slot that should be filled. */
  dispatch(): void {
    const { jobs, endpoints } = this.#options
    if (this.#isDispatching || jobs.unfinished === 0) return
    this.#isDispatching = true
    const board = this.board()
    while (jobs.pending.size > 0) {
      endpoints.update()
      const place = nextProbe(board) ?? nextScout(board) ?? this.#nextOpener(board) ?? nextPlace(board)
      if (place === undefined) {
        endpoints.roster.setIdle()
        break
      }
      this.#place(place, board.nowMs)
    }
    this.#isDispatching = false
  }

  board(): Board {
    const { jobs, endpoints, home, homeTakesPart, clock } = this.#options
    endpoints.update()
    const { inFlightBytes, maxAttempts } = endpoints.policy
    const fits = (job: number): boolean => {
      const { bytes } = this.#onTheirWay
      if (bytes === 0 || bytes + bytesOf(jobs.at(job).job) <= inFlightBytes) return true
      this.#isFull = true
      return false
    }
    // Where this machine could compile it, a job does not go from one dead endpoint to the next.
    const mayProbe = (job: number): boolean => {
      const { troubles, failures } = jobs.at(job)
      return home === undefined || troubles.length - failures < maxAttempts
    }
    const { pending, openers } = jobs
    const nowMs = clock.now()
    return new Board({ home, homeTakesPart, endpoints, pending, openers, nowMs, fits, mayProbe }, this.#horizon)
  }

  /** The attempt's slot is free, and its bytes are let go. */
  release(attempt: Attempt): void {
    if (attempt.executor.release(attempt)) this.#onTheirWay.letGo(attempt)
  }

  #sent(attempt: Attempt): void {
    attempt.isSent = true
    this.#onTheirWay.letGo(attempt)
    if (!this.#isFull) return
    this.#isFull = false
    this.dispatch()
  }

  #nextOpener(board: Board): Place | undefined {
    if (this.#onTheirWay.sendingBytes(board.nowMs) < ENOUGH_BYTES) this.#isFlooded = false
    else if (!this.#isFlooded && board.endpoints.roster.free.size > 0) {
      const opener = nextOpener(board)
      this.#isFlooded = opener === undefined
      return opener
    }
    return undefined
  }

  #place({ job, executor }: Place, nowMs: number): void {
    const { jobs, endpoints } = this.#options
    const running = jobs.take(job).at(-1)
    if (running === undefined) return this.#start(job, executor, this.#reasonFor(job, executor), nowMs)
    // A duplicate: what made it worth while may have changed since.
    const { estimates, policy } = endpoints
    const freshMs = executor.estimate.expectedMs(estimates.units[job] ?? 0)
    if (pays(running, freshMs, estimates, nowMs, policy, 1)) this.#start(job, executor, 'hedge', nowMs)
  }

  #reasonFor(job: number, executor: Executor): StartReason {
    if (isRested(executor)) return 'probe'
    if (executor.isHome && !this.#options.homeTakesPart) return 'fallback'
    return this.#options.jobs.at(job).attempts === 0 ? 'first' : 'retry'
  }

  #start(position: number, executor: Executor, reason: StartReason, sentMs: number): void {
    const { jobs, endpoints, home, emit } = this.#options
    const { job } = jobs.at(position)
    const endpoint = executor instanceof EndpointExecutor ? executor : undefined
    const attempt = new Attempt(
      {
        id: this.#attempts++,
        job: position,
        executor,
        reason,
        isProbe: isRested(executor),
        units: endpoints.estimates.units[position] ?? 0,
        bytes: endpoint ? bytesOf(job) : 0,
        sentMs,
      },
      endpoint?.belief.hasQueue !== true,
    )
    jobs.started(attempt)
    this.#onTheirWay.add(attempt)
    executor.add(attempt)
    emit({ kind: 'attempt-started', atMs: sentMs, ...attempt.facts() })
    if (endpoint) this.#send(attempt, endpoint, job)
    else if (home) this.#compileAtHome(attempt, home.home, job)
  }

  #send(attempt: Attempt, { distributor, endpoint }: EndpointExecutor, job: BackendJob): void {
    const { clock, guard, listener } = this.#options
    const { signal } = attempt.controller
    const sent = (): void => guard(() => this.#sent(attempt))
    const started = (): void =>
      guard(() => {
        attempt.executor.begin(attempt, clock.now())
        this.#sent(attempt)
      })
    // The executor runs at once, and what it throws is the rejection: whatever the plugin does ends in a promise.
    new Promise<unknown>((resolve) => {
      resolve(distributor.distributor?.compile(job, endpoint, Object.freeze({ signal, started, sent })))
    }).then(
      (value) =>
        guard(() => {
          listener.answered(attempt, value)
          if (attempt.answeredMs !== undefined && !attempt.isSent) this.#onTheirWay.untold(distributor)
        }),
      (thrown: unknown) => guard(() => listener.threw(attempt, copyThrown(thrown))),
    )
  }

  #compileAtHome(attempt: Attempt, home: Home, job: BackendJob): void {
    const { guard, listener } = this.#options
    home.compile(job, attempt.controller.signal).then(
      (result) => guard(() => listener.compiledAtHome(attempt, result)),
      (thrown: unknown) => guard(() => listener.homeThrew(attempt, thrown)),
    )
  }
}

/** Its next job shows whether it works again. */
function isRested(executor: Executor): boolean {
  return executor instanceof EndpointExecutor && executor.breaker.kind === 'half-open'
}

function bytesOf({ bitcodeBytes, importedBytes }: BackendJob): number {
  return bitcodeBytes + importedBytes
}
