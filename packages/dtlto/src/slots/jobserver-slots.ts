/**
 * Slots from a GNU make jobserver: one that this process has anyway, because make has started it, and one for each token.
 *
 * Tokens are taken as jobs want them, and never kept idle: what is not used for a moment goes back. A link has hundreds of jobs, and whoever
 * keeps his tokens until the last of them keeps every other job of the build waiting. So a token that has been held for a while is
 * given back at the end of a job, and asked for again a moment later; in between, others who wait have it. Alone on the machine that costs
 * a slot about a millisecond in two hundred.
 *
 * A token is a byte in a pipe. A link that ends by itself gives its tokens back before lld's end, and one that is ended by a signal of process-end.ts when that comes. Who is killed, or crashes, or
 * is ended by LLVM in the middle of a compile takes them with him; make then has fewer slots, and says so at its end.
 */
import type { Jobserver } from './jobserver.js'
import { atProcessEnd } from './process-end.js'
import type { SlotSource } from './slot-source.js'
import { TokenWait } from './token-wait.js'

/** Tokens beyond what runs are kept for so long: the scheduler needs a few milliseconds to send jobs for new slots. */
const IDLE_MS = 20
/** A token that has been held for so long goes back at the end of a job … */
const TURN_MS = 200
/** … and is not asked for again for so long. */
const YIELD_MS = 1

interface Token {
  readonly byte: number
  readonly sinceMs: number
}

export class JobserverSlots implements SlotSource {
  readonly #jobserver: Jobserver
  readonly #most: () => number
  readonly #onSlots: () => void
  readonly #now: () => number
  /** The oldest first. */
  readonly #held: Token[] = []
  readonly #wait: TokenWait
  #running = 0
  #waiting = 0
  #yielding: ReturnType<typeof setTimeout> | undefined
  #idle: ReturnType<typeof setTimeout> | undefined
  #stopWatchingEnd: (() => void) | undefined
  #closed = false

  constructor(jobserver: Jobserver, most: () => number, onSlots: () => void, now: () => number) {
    this.#jobserver = jobserver
    this.#most = most
    this.#onSlots = onSlots
    this.#now = now
    this.#wait = new TokenWait(jobserver, (byte) => this.#arrived(byte))
  }

  get slots(): number {
    return 1 + this.#held.length
  }

  get limit(): number {
    return this.slots
  }

  get text(): string {
    return `${String(this.#held.length)} tokens of the jobserver`
  }

  prepare(jobs: number): void {
    this.#take(Math.min(this.#most(), jobs) - 1)
    this.#giveBackIdleLater()
  }

  demand(running: number, waiting: number): void {
    const hasEnded = running < this.#running
    this.#running = running
    this.#waiting = waiting
    if (this.#closed) return this.#giveBack(this.#held.length)
    if (hasEnded && waiting > 0) this.#takeTurns()
    this.#ask()
    this.#giveBackIdleLater()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#yielding)
    clearTimeout(this.#idle)
    this.#wait.close()
    this.#giveBack(this.#held.length)
    this.#jobserver.close()
  }

  /** Tokens that are worth having. As long as jobs wait there are more behind them, in the scheduler. */
  #wanted(): number {
    const jobs = this.#running + this.#waiting
    return Math.max(0, Math.min(this.#most(), this.#waiting > 0 ? 2 * jobs : jobs) - 1)
  }

  #ask(): void {
    if (this.#yielding !== undefined) return
    const wanted = this.#wanted()
    if (this.#held.length >= wanted) return this.#wait.pause()
    if (this.#waiting === 0 || this.#wait.waiting) return
    const before = this.#held.length
    this.#take(wanted)
    if (this.#held.length < wanted) this.#wait.start()
    if (this.#held.length > before) this.#onSlots()
  }

  #take(wanted: number): void {
    while (this.#held.length < wanted) {
      const byte = this.#jobserver.take()
      if (byte === undefined) return
      this.#hold(byte)
    }
  }

  /** A token that was waited for. */
  #arrived(byte: number): void {
    this.#hold(byte)
    if (this.#closed || this.#held.length > this.#wanted()) return this.#giveBack(1)
    this.#onSlots()
    this.#ask()
    this.#giveBackIdleLater()
  }

  #hold(byte: number): void {
    this.#held.push({ byte, sinceMs: this.#now() })
    this.#stopWatchingEnd ??= atProcessEnd(() => this.#giveBack(this.#held.length))
  }

  #takeTurns(): void {
    const oldest = this.#held[0]
    if (oldest === undefined || this.#yielding !== undefined || this.#now() - oldest.sinceMs < TURN_MS) return
    this.#giveBack(1)
    this.#wait.pause()
    this.#yielding = setTimeout(() => {
      this.#yielding = undefined
      this.#ask()
    }, YIELD_MS)
  }

  #giveBackIdleLater(): void {
    if (this.#held.length < Math.max(1, this.#running) || this.#idle !== undefined) return
    this.#idle = setTimeout(() => {
      this.#idle = undefined
      const idle = this.#held.length - Math.max(0, this.#running - 1)
      if (idle <= 0) return
      this.#giveBack(idle)
      this.#onSlots()
    }, IDLE_MS)
    this.#idle.unref()
  }

  #giveBack(count: number): void {
    for (const { byte } of this.#held.splice(0, count)) this.#jobserver.giveBack(byte)
    if (this.#held.length > 0) return
    this.#stopWatchingEnd?.()
    this.#stopWatchingEnd = undefined
  }
}
