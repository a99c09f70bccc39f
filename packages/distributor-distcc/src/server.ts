import { acceptsConnections } from './accepts.js'
import type { AnswerLimits } from './answer.js'
import { type AnswerRoom, roomOfServer } from './byte-budget.js'
import { ExchangeError, type ExchangeResult, exchange } from './exchange.js'
import { DEFAULT_SLOTS, type Host } from './hosts.js'
import { encodeProbe, judgeProbe } from './probe.js'
import { fetchStatistics, type Statistics } from './statistics.js'
import type { Tuning } from './tuning.js'
import { explain, type Trouble } from './trouble.js'

/** Where a server stands. Only one that is `up` gets jobs. */
type State =
  /** The probe is on its way. */
  | { readonly kind: 'probing' }
  | { readonly kind: 'up' }
  /** Failed; it will be probed again. */
  | { readonly kind: 'resting'; readonly reason: string }
  /** Not to be used in this link. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'closed' }

export interface ServerFacts {
  readonly compiler: string
  readonly llvmVersion: string
  /** 0: do not ask. */
  readonly statisticsPort: number
  readonly connectTimeoutMs: number
  readonly probe: boolean
  readonly tuning: Tuning
  /** For the answers of the link. */
  readonly room: AnswerRoom
  readonly now: () => number
  readonly onChange: () => void
  readonly warn: (kind: string, message: string) => void
  readonly debug: (message: string) => void
}

const SMOOTHING = 0.3
const SPOKEN_IN_A_ROW = 3
/** Less space than this for the files of jobs is worth telling. */
const LOW_DISK_MB = 500
/** A look that found nothing is followed by others at this pace, in milliseconds. */
const LOOK_AGAIN_MS = 1000

/** One distccd: its slots, what is known about its state, and the jobs that it has of ours. */
export class Server {
  readonly name: string
  readonly compiler: string
  /** Targets that its compiler turned out not to have. */
  readonly lacksTargets = new Set<string>()
  readonly #host: Host
  readonly #facts: ServerFacts
  readonly #inFlight = new Set<AbortController>()
  #reserved = 0
  #state: State = { kind: 'probing' }
  /** Failures since the last job that went well. */
  #strikes = 0
  /** Objects that cannot be right since the last job that went well. */
  #doubts = 0
  #statistics: Statistics | undefined
  #silentSinceMs: number | undefined
  /** When the last job came back. */
  #heardMs = -Infinity
  /** It has passed a probe in this link. */
  #proven = false
  #restTimer: NodeJS.Timeout | undefined
  /** Set from the planning of a look to its end. */
  #lookTimer: NodeJS.Timeout | undefined
  #jobs = 0
  #jobMs = 0
  #overheadMs: number | undefined
  /** Cost per millisecond of compiling. */
  #speed: number | undefined
  readonly #closing = new AbortController()
  readonly #room: AnswerRoom
  /** Jobs in a row whose compiler printed something. */
  #spoken = 0

  constructor(host: Host, facts: ServerFacts) {
    this.#host = host
    this.#facts = facts
    this.#room = roomOfServer(facts.room)
    this.name = host.name
    this.compiler = host.compiler ?? facts.compiler
  }

  /** Probes the server in the background. */
  start(): void {
    if (this.#facts.probe) void this.#probe()
    else this.#enter({ kind: 'up' })
  }

  /** As the host list says, but never more than the server serves at a time: the rest would wait unseen in its backlog. */
  get slots(): number {
    const max = this.#statistics?.maxJobs
    if (max === undefined) return this.#host.slots ?? DEFAULT_SLOTS
    return Math.min(this.#host.slots ?? max, max)
  }

  get busy(): number {
    return this.#reserved
  }

  get free(): number {
    return this.accepting ? Math.max(0, this.slots - this.#reserved) : 0
  }

  get accepting(): boolean {
    return this.#state.kind === 'up' && this.#silentSinceMs === undefined
  }

  /** It is worth waiting for: at work, or being probed for the first time. */
  get hopeful(): boolean {
    return this.#state.kind === 'up' || (this.#state.kind === 'probing' && this.#strikes === 0)
  }

  /** Connecting and transfer of a job, smoothed, in milliseconds. */
  get overheadMs(): number | undefined {
    return this.#overheadMs
  }

  get speed(): number | undefined {
    return this.#speed
  }

  /** How loaded it would be with one job more; 1 is full. Tasks that are not ours count half: they may not last. */
  get load(): number {
    const others = Math.max(0, (this.#statistics?.runningTasks ?? 0) - this.#reserved)
    return (this.#reserved + 1 + Math.min(others, this.slots) / 2) / this.slots
  }

  get text(): string {
    const state = this.#state
    if (state.kind === 'resting' || state.kind === 'refused') return `${state.kind}: ${state.reason}`
    if (state.kind !== 'up') return state.kind
    const parts = [`${this.#jobs} jobs`]
    if (this.#jobs > 0) parts.push(`${Math.round(this.#jobMs / this.#jobs)} ms each`)
    if (this.#statistics?.load !== undefined) parts.push(`load ${this.#statistics.load}`)
    const free = this.#statistics?.freeMegabytes
    if (free !== undefined && free < LOW_DISK_MB) parts.push(`only ${free} MB of disk free`)
    if (this.#silentSinceMs !== undefined) parts.push('silent')
    return parts.join(', ')
  }

  /** Takes a slot. Give it back by `release`, or let `run` do so. */
  reserve(): void {
    this.#reserved++
    this.#facts.onChange()
  }

  release(): void {
    this.#reserved--
    this.#facts.onChange()
  }

  /** Runs one request in a slot that was reserved; the slot is free again when the connection is closed. */
  async run(
    request: readonly Uint8Array[],
    deadlineMs: number,
    signal: AbortSignal,
    limits: AnswerLimits,
  ): Promise<ExchangeResult> {
    const controller = new AbortController()
    const onAbort = (): void => controller.abort(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#inFlight.add(controller)
    this.#watch()
    try {
      const result = await exchange({
        host: this.#host.host,
        port: this.#host.port,
        request,
        connectTimeoutMs: this.#facts.connectTimeoutMs,
        deadlineMs,
        signal: controller.signal,
        limits,
        room: this.#room,
        now: this.#facts.now,
        onClosed: () => this.release(),
      })
      this.#heardMs = this.#facts.now()
      return result
    } finally {
      this.#inFlight.delete(controller)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** A job of that cost went well. */
  succeeded(cost: number, result: ExchangeResult): void {
    const { connectMs, sendMs, waitMs, receiveMs } = result
    this.#strikes = 0
    this.#doubts = 0
    this.#spoken = 0
    this.#jobs++
    this.#jobMs += connectMs + sendMs + waitMs + receiveMs
    this.#overheadMs = smooth(this.#overheadMs, connectMs + sendMs + receiveMs)
    if (cost > 0 && waitMs > 0) this.#speed = smooth(this.#speed, cost / waitMs)
    this.#facts.onChange()
  }

  /** Something went wrong that another try may mend: the server rests and is then probed. */
  rest(trouble: Trouble, reason: string): void {
    this.#facts.warn(`${trouble}:${this.name}`, explain(trouble, this.#host, this.compiler, reason))
    if (this.#state.kind !== 'up' && this.#state.kind !== 'probing') return
    const { restMs, maxRestMs } = this.#facts.tuning
    const forMs = Math.min(maxRestMs, restMs * 2 ** this.#strikes)
    this.#strikes++
    this.#facts.debug(`${this.name} rests for ${forMs} ms: ${reason}`)
    this.#enter({ kind: 'resting', reason })
    this.#restTimer = setTimeout(() => void this.#probe(), forMs)
    this.#restTimer.unref()
  }

  /** An object cannot be right. The job may be to blame, so it takes two of them in a row for the server to rest. */
  doubt(reason: string): void {
    this.#doubts++
    if (this.#doubts >= 2) this.rest('rejected', reason)
    else this.#facts.warn(`rejected:${this.name}`, explain('rejected', this.#host, this.compiler, reason))
  }

  /**
   * Its compiler printed something beside an object, which is therefore not used. A server that always does would cost every job a way there and
   * back, so a few in a row are enough.
   */
  spoke({ text, isDiagnostics }: { readonly text: string; readonly isDiagnostics: boolean }): void {
    this.#spoken++
    const reason = `its compiler printed '${text}'`
    if (this.#spoken >= SPOKEN_IN_A_ROW)
      this.refuse('spoke', `${reason}, the ${SPOKEN_IN_A_ROW}rd time in a row; it is not used any more`)
    else if (isDiagnostics) this.#facts.debug(`${this.name}: ${reason}`)
    else this.#facts.warn(`spoke:${this.name}`, explain('spoke', this.#host, this.compiler, reason))
  }

  /** It will never do in this link. */
  refuse(trouble: Trouble, reason: string): void {
    this.#facts.warn(`${trouble}:${this.name}`, explain(trouble, this.#host, this.compiler, reason))
    if (this.#state.kind !== 'closed') this.#enter({ kind: 'refused', reason })
  }

  /** Drops the connections, and so the jobs. */
  close(): void {
    this.#enter({ kind: 'closed' })
    this.#closing.abort()
    for (const controller of this.#inFlight) controller.abort()
  }

  #enter(state: State): void {
    if (this.#state.kind === 'closed') return
    this.#state = state
    clearTimeout(this.#restTimer)
    if (state.kind === 'up') this.#silentSinceMs = undefined
    if (state.kind === 'closed') clearTimeout(this.#lookTimer)
    this.#facts.onChange()
  }

  async #probe(): Promise<void> {
    const { tuning, llvmVersion, connectTimeoutMs, now } = this.#facts
    if (this.#state.kind === 'closed') return
    this.#enter({ kind: 'probing' })
    // Asked at the same time: how many slots there are is known before the first job.
    const asked = this.#ask()
    try {
      const result = await exchange({
        host: this.#host.host,
        port: this.#host.port,
        request: encodeProbe(this.compiler),
        connectTimeoutMs,
        deadlineMs: tuning.probeTimeoutMs,
        signal: this.#closing.signal,
        room: this.#room,
        now,
      })
      const judged = judgeProbe(result.answer, llvmVersion)
      if (judged.kind === 'refused') this.refuse(judged.subject, judged.reason)
      else if (judged.kind === 'failed') this.rest('probe', judged.reason)
      else {
        this.#statistics = await asked
        this.#proven = true
        this.#overheadMs ??= result.connectMs + result.sendMs + result.receiveMs
        this.#facts.debug(
          `${this.name} is up: ${judged.target}, ${this.slots} slots, probed in ${Math.round(result.waitMs)} ms`,
        )
        this.#enter({ kind: 'up' })
      }
    } catch (error) {
      if (!(error instanceof ExchangeError)) this.refuse('compiler', String(error))
      // To its first probe a server without an answer means no, not that it broke down: it has not been up yet.
      else if (error.kind === 'hung-up' && !this.#proven) this.rest('compiler', error.message)
      else if (error.kind === 'reset' && !this.#proven) this.rest('denied', error.message)
      else if (error.kind === 'garbage' && !this.#proven) this.rest('foreign', error.message)
      else if (error.kind !== 'aborted')
        this.rest(error.kind === 'unreachable' ? 'unreachable' : 'probe', error.message)
    }
  }

  #ask(): Promise<Statistics | undefined> {
    const { statisticsPort, tuning } = this.#facts
    if (statisticsPort === 0) return Promise.resolve(undefined)
    return fetchStatistics(this.#host.host, statisticsPort, tuning.statisticsTimeoutMs, this.#closing.signal)
  }

  /**
   * Looks at the server every few seconds while it has jobs of ours, also when it rests meanwhile: nothing else tells soon that its machine
   * is lost.
   */
  #watch(): void {
    if (this.#lookTimer !== undefined) return
    const { lookIntervalMs } = this.#facts.tuning
    const pauseMs = this.#silentSinceMs === undefined ? lookIntervalMs : Math.min(LOOK_AGAIN_MS, lookIntervalMs)
    this.#lookTimer = setTimeout(() => void this.#look(), pauseMs)
    this.#lookTimer.unref()
  }

  async #look(): Promise<void> {
    const { now, tuning } = this.#facts
    const askedMs = now()
    const answers = await this.#answers()
    this.#lookTimer = undefined
    if (this.#state.kind === 'closed') return
    if (answers) this.#silentSinceMs = undefined
    else {
      this.#silentSinceMs ??= askedMs
      const silentMs = now() - this.#silentSinceMs
      if (silentMs >= tuning.silenceMs) {
        this.rest('silent', `no sign of life for ${Math.round(silentMs / 1000)} s`)
        for (const controller of this.#inFlight) controller.abort()
        return
      }
    }
    this.#facts.onChange()
    if (this.#inFlight.size > 0 || (this.#state.kind === 'up' && this.#silentSinceMs !== undefined)) this.#watch()
  }

  /** A server that offers statistics is asked for them; of any other it is tried whether it accepts connections, unless a job came back lately. */
  async #answers(): Promise<boolean> {
    const { connectTimeoutMs, now, tuning } = this.#facts
    if (this.#statistics !== undefined) {
      const statistics = await this.#ask()
      this.#statistics = statistics ?? this.#statistics
      return statistics !== undefined
    }
    if (now() - this.#heardMs < tuning.lookIntervalMs) return true
    return acceptsConnections(this.#host.host, this.#host.port, connectTimeoutMs, this.#closing.signal)
  }
}

function smooth(before: number | undefined, sample: number): number {
  return before === undefined ? sample : before + SMOOTHING * (sample - before)
}
