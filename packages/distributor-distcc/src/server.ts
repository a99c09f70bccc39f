import { setTimeout as sleep } from 'node:timers/promises'
import { DtltoError, type Endpoint, whileNone } from 'dtlto/plugin'
import { acceptsConnections } from './accepts.js'
import type { AnswerLimits } from './answer.js'
import { type AnswerRoom, roomOfServer } from './rooms.js'
import { ExchangeError, type ExchangeOptions, type ExchangeResult, exchange } from './exchange.js'
import { DEFAULT_SLOTS, type Host, MOST_SLOTS } from './hosts.js'
import { encodeProbe, judgeProbe } from './probe.js'
import { fetchStatistics, type Statistics } from './statistics.js'
import { explain, type Trouble } from './trouble.js'
import type { Tuning } from './tuning.js'

export interface ServerFacts {
  /** Where the list of servers was found. */
  readonly hostsFrom: string
  readonly compiler: string
  readonly llvmVersion: string
  /** 0: do not ask. */
  readonly statisticsPort: number
  readonly connectTimeoutMs: number
  readonly jobTimeoutMs: number
  readonly probe: boolean
  readonly tuning: Tuning
  /** For the answers of the link. */
  readonly room: AnswerRoom
  readonly now: () => number
  /** Something that the scheduler balances on has changed. */
  readonly onChange: () => void
}

/** Less space than this for the files of jobs is worth telling. */
const LOW_DISK_MB = 500
/** A compiler that has printed something with so many jobs in a row will do so with every job. */
const SPOKEN_IN_A_ROW = 3
/** How long a server may take to close before its answer is used without that. */
const LINGER_MS = 50

/** One distccd, an endpoint of its own: its exchanges, its probe, and what its statistics tell. When it gets which job is the scheduler's business. */
export class Server implements Endpoint {
  readonly id: string
  readonly compiler: string
  readonly deadlineMs: number
  readonly #host: Host
  readonly #facts: ServerFacts
  readonly #room: AnswerRoom
  readonly #closing = new AbortController()
  /** Jobs in a row whose compiler printed something. */
  #spoken = 0
  #running = 0
  /** Jobs that have their answer, of connections that are still there. */
  #lingering = 0
  #statistics: Statistics | undefined
  #askedMs = -Infinity
  /** It has passed its probe in this link. */
  #proven = false

  constructor(host: Host, facts: ServerFacts) {
    this.#host = host
    this.#facts = facts
    this.id = host.name
    this.compiler = host.compiler ?? facts.compiler
    this.deadlineMs = facts.jobTimeoutMs
    this.#room = roomOfServer(facts.room)
  }

  get accepting(): boolean {
    return !this.#closing.signal.aborted
  }

  /** As the host list says, but never more than the server serves at a time: the rest would wait unseen in its backlog. */
  get slots(): number {
    const served = Math.min(this.#statistics?.maxJobs ?? Infinity, MOST_SLOTS)
    return Math.min(this.#host.slots ?? (this.#statistics?.maxJobs === undefined ? DEFAULT_SLOTS : served), served)
  }

  /** By connections that the server has not closed. */
  get busyElsewhere(): number {
    return this.#lingering
  }

  get text(): string {
    this.#refreshStatistics()
    const parts = []
    const { load, freeMegabytes } = this.#statistics ?? {}
    if (load !== undefined) parts.push(`load ${load}`)
    if (freeMegabytes !== undefined && freeMegabytes < LOW_DISK_MB) parts.push(`only ${freeMegabytes} MB of disk free`)
    return parts.join(', ')
  }

  /** Sends one request and waits for its answer. `onSent`: nobody reads the request any more. Rejects with ExchangeError. */
  async run(
    request: readonly Uint8Array[],
    limits: AnswerLimits,
    signal: AbortSignal,
    onSent: () => void,
  ): Promise<ExchangeResult> {
    let onClosed = (): void => undefined
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve
    })
    this.#running++
    try {
      return await this.#exchange(request, this.#facts.jobTimeoutMs, signal, { limits, onSent, onClosed })
    } finally {
      // Only when the connection is gone is the server's slot free. distccd closes at once; whoever does not keeps the slot, and not the object.
      const isClosed = await Promise.race([closed.then(() => true), sleep(LINGER_MS, false, { ref: false })])
      if (isClosed) this.#running--
      else {
        this.#lingering++
        this.#facts.onChange()
        void closed.then(() => {
          this.#running--
          this.#lingering--
          this.#facts.onChange()
        })
      }
    }
  }

  /**
   * A server without jobs of ours has to compile a tiny one (probe.ts). One that has some may have no slot left for that; it is asked for its
   * statistics or, where it offers none, for a connection. Rejects with a DtltoError that says what to do.
   */
  async probe(signal: AbortSignal): Promise<void> {
    if (this.#running > 0) return this.#checkAlive(signal)
    const asked = this.#fetchStatistics(signal)
    if (this.#facts.probe) await this.#compileProbe(signal)
    await asked
    this.#proven = true
    this.#facts.onChange()
  }

  /** A job gave an object and no word. */
  succeeded(): void {
    this.#spoken = 0
  }

  /**
   * Its compiler printed something beside an object, which is therefore not used. A server that always does would cost every job a way there and
   * back, so a few in a row are enough. Gives a warning for the user; throws when the server is not to be used any more.
   */
  spoke({ text, isDiagnostics }: { readonly text: string; readonly isDiagnostics: boolean }): string | undefined {
    const reason = `its compiler printed '${text}'`
    if (++this.#spoken < SPOKEN_IN_A_ROW) return isDiagnostics ? undefined : this.trouble('spoke', reason)
    const often = `${reason}, the ${SPOKEN_IN_A_ROW}rd time in a row; it is not used any more`
    throw new DtltoError('DTLTO_ENDPOINT_REFUSED', this.trouble('spoke', often))
  }

  /** The user's text for a trouble with this server. */
  trouble(trouble: Trouble, reason: string): string {
    return explain(trouble, { ...this.#host, from: this.#facts.hostsFrom }, this.compiler, reason)
  }

  /** Drops the connections, and so the jobs. */
  close(): void {
    this.#closing.abort()
  }

  #exchange(
    request: readonly Uint8Array[],
    deadlineMs: number,
    signal: AbortSignal,
    more: Partial<Pick<ExchangeOptions, 'limits' | 'onSent' | 'onClosed'>> = {},
  ): Promise<ExchangeResult> {
    return whileNone([signal, this.#closing.signal], (either) =>
      exchange({
        host: this.#host.host,
        port: this.#host.port,
        request,
        connectTimeoutMs: this.#facts.connectTimeoutMs,
        deadlineMs,
        ...more,
        room: this.#room,
        signal: either,
        now: this.#facts.now,
      }),
    )
  }

  async #compileProbe(signal: AbortSignal): Promise<void> {
    let result: ExchangeResult
    try {
      result = await this.#exchange(
        encodeProbe(this.compiler, this.#facts.llvmVersion),
        this.#facts.tuning.probeTimeoutMs,
        signal,
      )
    } catch (error) {
      throw error instanceof ExchangeError ? this.#lostProbe(error) : error
    }
    const judged = judgeProbe(result.answer, this.#facts.llvmVersion)
    if (judged.kind === 'refused')
      throw new DtltoError('DTLTO_ENDPOINT_REFUSED', this.trouble(judged.subject, judged.reason))
    if (judged.kind === 'failed') throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', this.trouble('probe', judged.reason))
  }

  /** To its first probe a server without an answer means no, not that it broke down: it has not been up yet. */
  #lostProbe(error: ExchangeError): DtltoError {
    const first = { 'hung-up': 'compiler', reset: 'denied', garbage: 'foreign' } as const
    const kind = error.kind
    const trouble: Trouble =
      kind === 'unreachable'
        ? 'unreachable'
        : !this.#proven && kind in first
          ? first[kind as keyof typeof first]
          : 'probe'
    return new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', this.trouble(trouble, error.message), { cause: error })
  }

  async #checkAlive(signal: AbortSignal): Promise<void> {
    const isAlive =
      this.#statistics !== undefined
        ? await this.#fetchStatistics(signal)
        : await acceptsConnections(this.#host.host, this.#host.port, this.#facts.connectTimeoutMs, signal)
    if (isAlive) return
    throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', this.trouble('silent', 'it gives no sign of life any more'))
  }

  /** Now and then, while it works for us. */
  #refreshStatistics(): void {
    const { now, tuning } = this.#facts
    if (this.#statistics === undefined || this.#running === 0) return
    if (now() - this.#askedMs >= tuning.lookIntervalMs) void this.#fetchStatistics(this.#closing.signal)
  }

  /** False if it offers none, or does not answer. */
  async #fetchStatistics(signal: AbortSignal): Promise<boolean> {
    const { statisticsPort, tuning, now } = this.#facts
    if (statisticsPort === 0) return false
    this.#askedMs = now()
    const statistics = await whileNone([signal, this.#closing.signal], (either) =>
      fetchStatistics(this.#host.host, statisticsPort, tuning.statisticsTimeoutMs, either),
    )
    if (statistics === undefined) return false
    this.#statistics = statistics
    this.#facts.onChange()
    return true
  }
}
