/**
 * Looks after distributors and their endpoints: opening, preparing, what they say of themselves, probes, rests, retiring. Which job goes where is
 * the schedule's business (schedule.ts).
 *
 * It starts before the schedule: distributors open and endpoints are probed while lld reads its inputs. Like the schedule it is pure:
 * distributors are called through their public interface, time comes from a Clock, what happened goes out as events. Nothing that a plugin says is
 * believed beyond what makes sense.
 */
import type { BackendJob, Distributor, Endpoint, WaitingJobs } from '../distributors/interface.js'
import type { DtltoError } from '../errors.js'
import { readEndpoint, type ReadEndpoint } from './belief.js'
import type { Clock } from './clock.js'
import { DistributorState, type DistributorSpec } from './distributor-state.js'
import { EndpointExecutor } from './endpoint.js'
import { Estimates } from './estimate.js'
import type { SchedulerEvent } from './events.js'
import type { Policy } from './policy.js'
import { Probes } from './probes.js'
import { copyThrown } from './result-shape.js'
import { RollCall } from './roll-call.js'
import { Roster } from './roster.js'
import { describe } from '../message-of.js'
import { asTrouble, remedyFor } from './trouble.js'
import { Warnings } from './warnings.js'

/** What other links of this user have just learnt of endpoints. */
export interface EndpointMemory {
  isDown(distributor: string, endpoint: string): boolean
  setDown(distributor: string, endpoint: string): void
}

export interface EndpointsOptions {
  readonly distributors: readonly DistributorSpec[]
  readonly clock: Clock
  readonly policy: Policy
  readonly onEvent?: ((event: SchedulerEvent) => void) | undefined
  readonly memory?: EndpointMemory | undefined
  /** Who compiles when a distributor is down, for people: `compiling here`. */
  readonly instead?: string | undefined
}

/** What distributors are told of the jobs. */
export interface PreparedJobs extends WaitingJobs {
  readonly inOrder: readonly BackendJob[]
}

/** What the schedule wants to hear. */
export interface EndpointsListener {
  /** Something may be possible that was not before. */
  changed(): void
  /** There are endpoints that were not there before: jobs that could go nowhere else than home may have another choice. */
  appeared(): void
  /** Jobs that could go nowhere else must learn it. */
  retired(): void
  /** What is in flight at an endpoint will not come back. */
  lost(endpoint: EndpointExecutor, error: DtltoError): void
  /** A bug of ours. */
  failed(error: unknown): void
}

/** Endpoints of one distributor beyond this, all that it has ever shown, are nonsense. */
const MOST_ENDPOINTS = 20_000
/** Slots of one endpoint beyond this are not believed before the number of jobs is known. */
const MOST_SLOTS = 1_000_000
/** Reading what many endpoints say of themselves takes time, so it is done less often: milliseconds between two times, for each endpoint. */
const ANNOUNCED_MS_PER_ENDPOINT = 0.02
const UNANNOUNCED_MS_PER_ENDPOINT = 0.2

export class Endpoints {
  readonly distributors: readonly DistributorState[]
  /** In the order in which they were seen. One that is gone stays, without slots. */
  readonly all: EndpointExecutor[] = []
  readonly estimates: Estimates
  readonly policy: Policy
  readonly roster: Roster
  readonly warnings: Warnings
  readonly #clock: Clock
  readonly #onEvent: ((event: SchedulerEvent) => void) | undefined
  readonly #memory: EndpointMemory | undefined
  readonly #byId = new Map<DistributorState, Map<string, EndpointExecutor>>()
  readonly #probes: Probes
  readonly #rollCall: RollCall
  /** Aborted at the end, for `prepare`. */
  readonly #over = new AbortController()
  readonly #cleanups: (() => void)[] = []
  #cancelStatus: (() => void) | undefined
  #listener: EndpointsListener | undefined
  #failure: { readonly error: unknown } | undefined
  #jobs: PreparedJobs | undefined
  #mostSlots = MOST_SLOTS
  #readMs = -Infinity

  constructor({ distributors, clock, policy, onEvent, memory, instead }: EndpointsOptions) {
    this.#clock = clock
    this.policy = policy
    this.#onEvent = onEvent
    this.#memory = memory
    this.estimates = new Estimates(policy)
    this.roster = new Roster(this.estimates)
    this.warnings = new Warnings((distributor, warning, message) =>
      this.#emit({ kind: 'warning', atMs: clock.now(), distributor, warning, message }),
    )
    this.#rollCall = new RollCall({ warnings: this.warnings, endpointsOf: (state) => this.of(state), instead })
    this.#probes = new Probes(clock, policy, (endpoint, trouble) => this.#guard(() => this.#probed(endpoint, trouble)))
    this.distributors = distributors.map((spec) => new DistributorState(spec, clock.now(), policy))
    for (const state of this.distributors) {
      this.#byId.set(state, new Map())
      this.#open(state)
    }
  }

  get isOver(): boolean {
    return this.#over.signal.aborted
  }

  /** The jobs are known, and somebody listens. */
  begin(jobs: PreparedJobs, listener: EndpointsListener): void {
    if (this.#failure !== undefined) throw this.#failure.error
    this.#listener = listener
    this.#jobs = jobs
    this.#mostSlots = Math.max(1, jobs.inOrder.length)
    for (const state of this.distributors) if (state.distributor) this.#prepare(state, state.distributor, jobs)
    this.reread()
    this.update()
  }

  /** Reads what distributors say of their endpoints. */
  reread(): void {
    this.#readMs = this.#clock.now()
    for (const state of this.distributors) this.#read(state)
  }

  /** The same, unless it was done a moment ago: for changes that nobody announced. */
  rereadSometimes(): void {
    if (this.#clock.now() - this.#readMs >= this.all.length * UNANNOUNCED_MS_PER_ENDPOINT) this.reread()
  }

  /** Takes note of the time and of what has changed since the last call. */
  update(): void {
    this.roster.update(this.#clock.now())
    for (const endpoint of this.roster.unprobed) {
      if (!this.#probes.haveRoom) break
      this.#probes.start(endpoint)
    }
  }

  /** What is known by now of endpoints that are down is told. */
  tellAbsent(): void {
    this.#rollCall.end()
  }

  /** Nothing is heard or done any more. */
  end(): void {
    this.tellAbsent()
    this.#listener = undefined
    this.#cancelStatus?.()
    this.#cancelStatus = undefined
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
    this.#over.abort()
    this.#probes.end()
  }

  // ---- what the schedule has seen

  /** A job that began at `begunMs` went well. */
  succeeded(endpoint: EndpointExecutor, begunMs: number): void {
    this.#rollCall.present(endpoint)
    if (endpoint.compiled(begunMs)) this.#recovered(endpoint)
  }

  /** Something that was sent at `sentMs` failed. `isDown`: the trouble is proof enough for a rest. */
  troubled(endpoint: EndpointExecutor, cause: DtltoError, sentMs: number, isDown: boolean): void {
    const restMs = endpoint.troubled(cause, sentMs, this.#clock.now(), isDown)
    if (restMs === undefined) return
    if (!endpoint.proven) this.#memoryOf(endpoint.distributor)?.setDown(endpoint.distributorName, endpoint.endpointId)
    const { distributorName: distributor, endpointId } = endpoint
    this.#emit({ kind: 'endpoint-rested', atMs: this.#clock.now(), distributor, endpoint: endpointId, restMs, cause })
  }

  retireEndpoint(endpoint: EndpointExecutor, cause: DtltoError): void {
    if (endpoint.retired) return
    endpoint.retire(cause)
    const { distributorName: distributor, endpointId } = endpoint
    this.#emit({ kind: 'endpoint-retired', atMs: this.#clock.now(), distributor, endpoint: endpointId, cause })
    this.#listener?.retired()
  }

  retireDistributor(state: DistributorState, cause: DtltoError): void {
    if (state.retired) return
    state.retired = true
    state.lastTrouble = cause
    this.#noteAll(state)
    this.#emit({ kind: 'endpoint-retired', atMs: this.#clock.now(), distributor: state.name, cause })
    this.#listener?.retired()
  }

  /** Its jobs are late: is it still there? */
  recheck(endpoint: EndpointExecutor): void {
    if (endpoint.mayBeRechecked(this.#clock.now()) && this.#probes.haveRoom) this.#probes.start(endpoint)
  }

  of(state: DistributorState): readonly EndpointExecutor[] {
    return this.all.filter(({ distributor }) => distributor === state)
  }

  /** What a distributor that has not had a job yet waits for; undefined when it would take one, or when it is known to be in trouble. */
  waitsFor(state: DistributorState): string | undefined {
    if (state.started > 0 || state.retired) return undefined
    if (state.opening) return 'it is still opening'
    if (state.preparing) return 'it is still preparing'
    if (state.endpoints === 0) return 'it has no endpoint'
    const waiting = this.of(state).map(({ waitsFor }) => waitsFor)
    return waiting.includes(undefined) ? undefined : waiting[0]
  }

  /** Nothing has failed, so nothing else would tell the user why a distributor has no part in the link. */
  warnOfSlowStart(state: DistributorState, sinceMs: number): void {
    const { name } = state
    const waitsFor = this.waitsFor(state)
    if (waitsFor === undefined) return
    const seconds = String(Math.round(sinceMs / 1_000))
    this.warnings.warn(name, 'slow-start', `distributor '${name}' has taken no work for ${seconds} s: ${waitsFor}`)
  }

  // ---- opening, preparing, status

  #open(state: DistributorState): void {
    const unsubscribe = state.spec.onStatusChanged?.(() => this.#statusChanged())
    if (unsubscribe !== undefined) this.#cleanups.push(unsubscribe)
    const opened = (distributor: Distributor): void => {
      state.distributor = distributor
      if (this.#jobs) this.#prepare(state, distributor, this.#jobs)
      this.#read(state)
      this.update()
      this.#listener?.changed()
    }
    const { distributor } = state.spec
    if (!(distributor instanceof Promise)) return opened(distributor)
    distributor.then(
      (distributor) => this.#guard(() => opened(distributor)),
      // Whoever opened it has told the user why.
      (thrown: unknown) => this.#guard(() => this.retireDistributor(state, asTrouble(copyThrown(thrown), state.name))),
    )
  }

  #prepare(state: DistributorState, distributor: Distributor, jobs: PreparedJobs): void {
    if (distributor.prepare === undefined) return
    state.preparing = true
    this.#noteAll(state)
    const done = (warn: () => void): void => {
      if (!state.preparing) return
      warn()
      state.preparing = false
      this.#noteAll(state)
      this.#listener?.changed()
    }
    const cancel = this.#clock.setTimer(this.#clock.now() + this.policy.prepareMs, () =>
      this.#guard(() => done(() => this.warnOfSlowStart(state, this.policy.prepareMs))),
    )
    this.#cleanups.push(cancel)
    const given = Object.freeze([...jobs.inOrder])
    const waiting = Object.freeze({ isWaiting: (job: BackendJob) => jobs.isWaiting(job) })
    new Promise<void>((resolve) => resolve(distributor.prepare?.(given, this.#over.signal, waiting))).then(
      () => this.#guard(() => done(() => undefined)),
      (thrown: unknown) => {
        const text = `distributor '${state.name}' could not prepare: ${asTrouble(copyThrown(thrown), state.name).message}`
        this.#guard(() => done(() => this.warnings.warn(state.name, 'prepare', text)))
      },
    )
  }

  /** Through a timer: an `endpoints()` that calls `statusChanged` must not keep the event loop for itself. */
  #statusChanged(): void {
    if (this.isOver || this.#cancelStatus !== undefined) return
    const delayMs = Math.max(this.policy.statusCoalesceMs, this.all.length * ANNOUNCED_MS_PER_ENDPOINT)
    this.#cancelStatus = this.#clock.setTimer(this.#clock.now() + delayMs, () => {
      this.#cancelStatus = undefined
      this.#guard(() => {
        this.reread()
        this.update()
        this.#listener?.changed()
      })
    })
  }

  #read(state: DistributorState): void {
    if (state.distributor === undefined || state.retired) return
    const failed = (thrown: unknown): void => {
      const why = copyThrown(thrown).message
      this.warnings.warn(state.name, 'status', `distributor '${state.name}' failed to state its endpoints: ${why}`)
    }
    let list: readonly unknown[] = []
    try {
      const said: unknown = state.distributor.endpoints()
      if (!Array.isArray(said)) throw new TypeError(`expected an array from endpoints() but received ${describe(said)}`)
      list = said.slice(0, MOST_ENDPOINTS)
    } catch (thrown) {
      failed(thrown)
    }
    const before = state.endpoints
    const seen = new Set<EndpointExecutor>()
    for (const item of list) {
      let read: ReadEndpoint
      try {
        read = readEndpoint(item, this.#mostSlots, this.policy.queueLimitMs)
      } catch (thrown) {
        failed(thrown)
        continue
      }
      const endpoint = this.#believe(state, item as Endpoint, read)
      if (endpoint) seen.add(endpoint)
      else failed(new RangeError(`it has shown more than ${String(MOST_ENDPOINTS)} of them`))
    }
    if (seen.size < state.endpoints)
      for (const endpoint of this.of(state)) if (!seen.has(endpoint)) endpoint.disappear()
    if (state.endpoints > before) this.#listener?.appeared()
  }

  #believe(
    state: DistributorState,
    said: Endpoint,
    { id, belief, wrongSlots }: ReadEndpoint,
  ): EndpointExecutor | undefined {
    if (wrongSlots !== undefined) {
      const text = `distributor '${state.name}' broke its contract: expected a number of slots from endpoints() but received ${wrongSlots}`
      this.warnings.warn(state.name, 'slots', text)
    }
    const known = this.#byId.get(state)?.get(id)
    if (known === undefined && state.endpoints >= MOST_ENDPOINTS) return undefined
    const endpoint = known ?? this.#add(state, said, id)
    endpoint.believe(said, belief)
    return endpoint
  }

  #memoryOf({ spec }: DistributorState): EndpointMemory | undefined {
    return spec.hasOwnEndpoints === true ? undefined : this.#memory
  }

  #add(state: DistributorState, endpoint: Endpoint, id: string): EndpointExecutor {
    const added = new EndpointExecutor({
      index: this.all.length + 1,
      distributor: state,
      endpoint,
      id,
      wasDown: this.#memoryOf(state)?.isDown(state.name, id) === true,
      estimates: this.estimates,
      policy: this.policy,
      onChange: (changed) => this.roster.note(changed),
    })
    this.#byId.get(state)?.set(id, added)
    this.all.push(added)
    state.endpoints++
    return added
  }

  #noteAll(state: DistributorState): void {
    for (const endpoint of this.of(state)) this.roster.note(endpoint)
  }

  // ---- probes

  #probed(endpoint: EndpointExecutor, trouble: DtltoError | undefined): void {
    if (trouble === undefined) {
      this.#rollCall.present(endpoint)
      // A rest that began while the probe was under way is the later news.
      if (endpoint.breaker.kind !== 'resting' && endpoint.works()) this.#recovered(endpoint)
    } else {
      this.#failedProbe(endpoint, trouble)
      this.#listener?.lost(endpoint, trouble)
    }
    this.update()
    this.#listener?.changed()
  }

  #failedProbe(endpoint: EndpointExecutor, error: DtltoError): void {
    this.#rollCall.absent(endpoint, error)
    switch (remedyFor(error)) {
      case 'retry':
        return this.troubled(endpoint, error, endpoint.probedMs, true)
      case 'retire-endpoint':
        return this.retireEndpoint(endpoint, error)
      case 'retire':
      case 'fatal':
        return this.retireDistributor(endpoint.distributor, error)
    }
  }

  #recovered(endpoint: EndpointExecutor): void {
    const { distributorName: distributor, endpointId } = endpoint
    this.#emit({ kind: 'endpoint-recovered', atMs: this.#clock.now(), distributor, endpoint: endpointId })
  }

  #emit(event: SchedulerEvent): void {
    this.#onEvent?.(event)
  }

  /** Every way in from outside: a bug must end the schedule with an error, never leave it waiting. */
  #guard(fn: () => void): void {
    if (this.isOver) return
    try {
      fn()
    } catch (error) {
      this.#failure = { error }
      this.#listener?.failed(error)
    }
  }
}
