/** Calls the `probe` of distributors. A probe ends: with an answer, or as a trouble after some seconds. */
import { DtltoError } from '../errors.js'
import type { Clock } from './clock.js'
import type { EndpointExecutor } from './endpoint.js'
import type { Policy } from './policy.js'
import { copyThrown } from './result-shape.js'
import { asTrouble } from './trouble.js'

/** Probes at a time: each may be a connection, and descriptors are few. */
const MOST_AT_A_TIME = 100

export class Probes {
  readonly #clock: Clock
  readonly #policy: Policy
  readonly #onAnswer: (endpoint: EndpointExecutor, trouble: DtltoError | undefined) => void
  /** How to abort those that run. */
  readonly #running = new Set<() => void>()

  /** `onAnswer` is called once for each probe, never before `start` has returned, and not after `end`. */
  constructor(
    clock: Clock,
    policy: Policy,
    onAnswer: (endpoint: EndpointExecutor, trouble: DtltoError | undefined) => void,
  ) {
    this.#clock = clock
    this.#policy = policy
    this.#onAnswer = onAnswer
  }

  get haveRoom(): boolean {
    return this.#running.size < MOST_AT_A_TIME
  }

  start(endpoint: EndpointExecutor): void {
    const { distributor, name } = endpoint.distributor
    const abort = new AbortController()
    const nowMs = this.#clock.now()
    endpoint.probeBegins(nowMs)
    const stop = (): void => {
      cancelTimer()
      abort.abort()
    }
    const answer = (trouble: DtltoError | undefined): void => {
      if (!this.#running.delete(stop)) return
      cancelTimer()
      endpoint.probeEnds()
      this.#onAnswer(endpoint, trouble)
    }
    const cancelTimer = this.#clock.setTimer(nowMs + this.#policy.probeMs, () => {
      const text = `distributor ${endpoint.label} has not answered a probe for ${String(this.#policy.probeMs / 1_000)} s`
      answer(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', text))
      abort.abort()
    })
    this.#running.add(stop)
    // The executor runs at once, and what it throws is the rejection: whatever the plugin does ends in a promise.
    new Promise<void>((resolve) => resolve(distributor?.probe?.(endpoint.endpoint, abort.signal))).then(
      () => answer(undefined),
      (thrown: unknown) => answer(asTrouble(copyThrown(thrown), name)),
    )
  }

  end(): void {
    const running = [...this.#running]
    this.#running.clear()
    for (const stop of running) stop()
  }
}
