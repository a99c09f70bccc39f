import type { BackendJob } from '../distributors/interface.js'
import type { Policy } from './policy.js'

/**
 * How long a job will take where, learnt while the link runs.
 *
 * Every job has *units*: milliseconds under a first guess, from its cost or from a past link. An executor (this machine or an endpoint) has
 * milliseconds per unit and a latency. The first is a ratio of sums over its latest results, not a mean of ratios: one tiny job with a large relative error
 * then weighs little. Until an executor has results of its own it takes the link's average, divided by the speed that it states.
 * Absolute values do not matter for placing, only for deadlines; so a wrong first guess corrects itself with the first result.
 */
export class Estimates {
  /** Of each job; empty until `plan`. */
  units: Float64Array = new Float64Array(0)
  #priorUnits = 1
  readonly #policy: Policy
  #ms = 0
  #doneUnits = 0
  #results = 0
  #meanLog = 0
  #varianceLog = 0
  #latencyMs = 0
  #latencies = 0

  constructor(policy: Policy) {
    this.#policy = policy
  }

  /** The jobs are known. */
  plan(jobs: readonly BackendJob[], pastMs: ((job: BackendJob) => number | undefined) | undefined): void {
    const past = jobs.map((job) => usable(pastMs?.(job)))
    let [ms, cost] = [0, 0]
    jobs.forEach((job, i) => {
      const known = past[i]
      if (known !== undefined) [ms, cost] = [ms + known, cost + usableCost(job)]
    })
    // Jobs that the past does not know are measured by the same yardstick as those that it knows.
    const msPerCost = ms > 0 && cost > 0 ? ms / cost : this.#policy.guessedMsPerCost
    this.units = Float64Array.from(jobs, (job, i) => past[i] ?? usableCost(job) * msPerCost)
    const total = this.units.reduce((sum, units) => sum + units, 0)
    this.#priorUnits = jobs.length === 0 ? 1 : total / jobs.length / 2
  }

  /** Nothing has been measured yet: durations are guesses. */
  get blind(): boolean {
    return this.#results === 0
  }

  /** Units that an executor's prior weighs: half an average job. */
  get priorUnits(): number {
    return this.#priorUnits
  }

  /** Milliseconds per unit over all executors, as if each had the speed of one slot of this machine. */
  get msPerUnit(): number {
    return (this.#priorUnits * 0.2 + this.#ms) / (this.#priorUnits * 0.2 + this.#doneUnits)
  }

  /**
   * What a job waits now, beyond compiling, at whatever endpoint; undefined before any has told. Most of it may be the link's own: all jobs go
   * over one wire, from one thread, and wait there for those before them.
   */
  get latencyMs(): number | undefined {
    return this.#latencies === 0 ? undefined : this.#latencyMs
  }

  /** By how much an endpoint's latency was off what a job waits at that time. */
  observeLatency(ms: number): number {
    const offMs = this.#latencies === 0 ? 0 : ms - this.#latencyMs
    this.#latencies++
    this.#latencyMs += Math.max(0.05, 1 / this.#latencies) * (ms - this.#latencyMs)
    return offMs
  }

  /** How many times its expected duration an attempt may take before it counts as late: two standard deviations of what was seen. */
  get lateFactor(): number {
    if (this.#results < 8) return 2.5
    return Math.min(3, Math.max(1.5, Math.exp(this.#meanLog + 2 * Math.sqrt(this.#varianceLog))))
  }

  observe(units: number, localMs: number, elapsedMs: number, expectedMs: number): void {
    this.#ms = this.#ms * 0.99 + localMs
    this.#doneUnits = this.#doneUnits * 0.99 + units
    this.#results++
    const log = Math.log((elapsedMs + 1) / (expectedMs + 1))
    const weight = Math.max(0.03, 1 / this.#results)
    const off = log - this.#meanLog
    this.#meanLog += weight * off
    this.#varianceLog = (1 - weight) * (this.#varianceLog + weight * off * off)
  }
}

/** The same for one executor. */
export class ExecutorEstimate {
  readonly #link: Estimates
  #statedSpeed = 1
  /** Guessed or stated. */
  #latencyMs: number
  /** That counts: it was stated, or nothing tells what a job here takes beyond compiling. */
  #isLatencyOwn = false
  readonly #latencyFixed: boolean
  /**
   * Measured: how much longer a job waits here than elsewhere at the same time. An endpoint that was measured while the link's wire was full is not far away, and
   * without this would get no job that shows it.
   */
  #offMs: number | undefined
  /** How long jobs wait in a queue of the endpoint's own. */
  #queueMs = 0
  #ms = 0
  #units = 0
  #givenUpMs = 0
  #givenUpUnits = 0
  #msPerUnit = 1
  /** The link's average when that was computed. */
  #priorMsPerUnit = 1
  #stale = true

  /** `guessedLatencyMs`: undefined at home, where there is no latency: what a job waits there beyond compiling is our own backlog. */
  constructor(link: Estimates, guessedLatencyMs: number | undefined) {
    this.#link = link
    this.#latencyMs = guessedLatencyMs ?? 0
    this.#latencyFixed = guessedLatencyMs === undefined
  }

  /** What an endpoint says about itself; its own measurements replace ours only where we have none. */
  state(speed: number | undefined, latencyMs: number | undefined): void {
    if (speed !== undefined && speed > 0 && Number.isFinite(speed)) {
      const stated = Math.min(1_000, Math.max(0.001, speed))
      if (stated !== this.#statedSpeed) [this.#statedSpeed, this.#stale] = [stated, true]
    }
    if (this.#latencyFixed || latencyMs === undefined) return
    if (latencyMs >= 0 && latencyMs < 3_600_000) [this.#latencyMs, this.#isLatencyOwn] = [latencyMs, true]
  }

  get latencyMs(): number {
    const linkMs = this.#link.latencyMs
    if (this.#latencyFixed || linkMs === undefined || (this.#isLatencyOwn && this.#offMs === undefined))
      return this.#latencyMs
    return Math.max(0, linkMs + (this.#offMs ?? 0))
  }

  /** Expected time in a queue of the endpoint's own. */
  get queueMs(): number {
    return this.#queueMs
  }

  /** For placing: also learns from attempts that were given up. */
  get msPerUnit(): number {
    // The link's average is the prior. It need not be followed at every step, but from the first guess to what the first results say it is far.
    const linkMsPerUnit = this.#link.msPerUnit
    if (this.#stale || Math.abs(linkMsPerUnit - this.#priorMsPerUnit) > 0.02 * this.#priorMsPerUnit) {
      this.#msPerUnit = this.#rate(this.#ms + this.#givenUpMs, this.#units + this.#givenUpUnits)
      this.#priorMsPerUnit = linkMsPerUnit
      this.#stale = false
    }
    return this.#msPerUnit
  }

  /** From sending a job to its object. */
  expectedMs(units: number): number {
    return this.#queueMs + this.workMs(units)
  }

  /** From the start of its work to its object. */
  workMs(units: number): number {
    return this.latencyMs + units * this.msPerUnit
  }

  observeQueue(queuedMs: number): void {
    this.#queueMs += 0.2 * (queuedMs - this.#queueMs)
  }

  /** A job left the queue unstarted after `queuedMs`: news only if it should have started by then. */
  observeUnfinishedQueue(queuedMs: number): void {
    if (queuedMs > this.#queueMs) this.observeQueue(queuedMs)
  }

  /** For judging lateness: from finished attempts alone. Else one attempt that hung would excuse all the others. */
  provenMs(units: number): number {
    return this.latencyMs + units * this.#rate(this.#ms, this.#units)
  }

  /** A finished attempt, `elapsedMs` after its start. `compileMs` is what the distributor states, if it does. */
  observe(units: number, elapsedMs: number, compileMs: number | undefined): void {
    const expected = this.workMs(units)
    if (compileMs !== undefined && !this.#latencyFixed) {
      const offMs = this.#link.observeLatency(elapsedMs - compileMs)
      this.#offMs = this.#offMs === undefined ? offMs : this.#offMs + 0.1 * (offMs - this.#offMs)
    }
    if (compileMs === undefined) this.#isLatencyOwn = true
    const ms = compileMs ?? Math.max(elapsedMs - this.latencyMs, elapsedMs / 10)
    this.#decay()
    this.#ms += ms
    this.#units += units
    this.#link.observe(units, ms * this.#statedSpeed, this.#latencyFixed ? ms : elapsedMs, expected)
  }

  /** An attempt that was given up after `elapsedMs`: news only if it should have been done by then. */
  observeUnfinished(units: number, elapsedMs: number): void {
    if (elapsedMs <= this.workMs(units)) return
    this.#decay()
    this.#givenUpMs += elapsedMs
    this.#givenUpUnits += units
  }

  #decay(): void {
    this.#ms *= 0.95
    this.#units *= 0.95
    this.#givenUpMs *= 0.95
    this.#givenUpUnits *= 0.95
    this.#stale = true
  }

  #rate(ms: number, units: number): number {
    const prior = this.#link.priorUnits
    return ((prior * this.#link.msPerUnit) / this.#statedSpeed + ms) / (prior + units)
  }
}

function usable(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= 0 && Number.isFinite(ms) ? ms : undefined
}

/** A module without instructions still takes a little. */
function usableCost(job: BackendJob): number {
  return Number.isFinite(job.cost) && job.cost > 1 ? job.cost : 1
}
