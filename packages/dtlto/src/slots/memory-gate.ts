/**
 * Backends start here only while their memory fits. A large link that runs as many backends as there are cores may need more memory than there is, and is then
 * killed; with fewer at a time it takes longer and ends.
 *
 * A backend's need is estimated from its bitcode and its instructions (`memoryNeed`), and how far off these estimates are is learnt: from what this link
 * has really taken, while it had most of them at a time, and kept from link to link with the times of modules. What those that run have not taken yet is
 * spoken for. Other links of the user are told what is, where memory is short, and tell the same.
 *
 * One backend always runs, whatever it needs: a link ends, as it would with lld's own `--thinlto-jobs=1`.
 *
 * Where backends are processes, the kernel may kill one of them all the same, because an estimate was too low. Its job is compiled once more, when no other
 * runs: at once, or in the linker itself, it would only be killed again.
 */
import type { Server } from 'node:net'
import { performance } from 'node:perf_hooks'
import { announce, announcements, isOfThisUser } from './announcements.js'
import type { MemoryReader } from './memory-reader.js'

const MIB = 1024 ** 2
/** What stays free for lld's own work and for others. */
const RESERVE_BYTES = 64 * MIB
/** With this many times as much free as is asked for, nobody else is looked at. */
const PLENTY = 4
/** How often those who wait look again, in milliseconds. */
const LOOK_MS = 100
/** How often what backends are in is measured, in milliseconds: when one ends it has given most of it back. */
const SAMPLE_MS = 50
/** Measuring many processes takes at most this share of the time. */
const SAMPLE_SHARE = 0.01
/** Giving memory back takes at most this share of the time. */
const TRIM_SHARE = 0.02
/** Jobs that must have ended, and bytes that must have been asked for, before experience counts. */
const LEARN_AFTER = { jobs: 4, bytes: 64 * MIB }
/** Above what was seen: the next job may be another kind. */
const CAUTION = 1.2
const FACTORS = { least: 0.25, most: 8 }
const GROUP = 'dtlto-memory'

/**
 * What a backend needs beyond what the process has, in bytes. Fitted to 156 backends of redis and git (C, with debug information), compiled each in a process of its
 * own: within 16 MiB for all of them. Of a byte that is imported from it is 4, of which 0.6 are in the cost.
 */
export function memoryNeed(job: {
  readonly bitcodeBytes: number
  readonly importedBytes: number
  readonly cost: number
}): number {
  return 4 * MIB + 6 * job.bitcodeBytes + 3.4 * job.importedBytes + 1500 * job.cost
}

export interface MemoryGateOptions {
  /** What this link's backends may take in all; undefined: what the machine and its control groups leave. */
  readonly budgetBytes: number | undefined
  readonly reader: MemoryReader
  /** Memory that backends are in, now. */
  readonly usedBytes: () => number
  /** Of earlier links: how much was really needed of what was estimated. */
  readonly factor: number | undefined
  /** Has the process give back what backends have freed: the C library keeps it for the threads that they ran on. Called where memory is short. */
  readonly trim?: (() => void) | undefined
  /** Whether a task's error says that its process was killed from outside. Default: tasks have no processes. */
  readonly wasKilled?: ((error: unknown) => boolean) | undefined
  readonly debug: (message: string) => void
}

export class MemoryGate {
  readonly #options: MemoryGateOptions
  readonly #neighbours = new Neighbours()
  #factor: number
  #running = 0
  #ended = 0
  /** Of those that run, as estimated. */
  #needed = 0
  #mostNeeded = 0
  /** The one that runs must be the only one. */
  #isAlone = false
  /** At the last look there was not plenty. */
  #isShort = false
  #trimAfterMs = 0
  /** While any runs. */
  #sampler: ReturnType<typeof setTimeout> | undefined
  /** Before the first backend. */
  #baseBytes: number | undefined
  #mostTaken = 0
  /** First come, first served. */
  #turn: Promise<void> = Promise.resolve()
  readonly #wakers = new Set<() => void>()
  /** How many had to wait. */
  waits = 0

  constructor(options: MemoryGateOptions) {
    this.#options = options
    this.#factor = options.factor ?? 1
  }

  /** How much was really needed of what was estimated, in this link; undefined before there is experience. */
  get learnt(): number | undefined {
    if (this.#ended < LEARN_AFTER.jobs || this.#mostNeeded < LEARN_AFTER.bytes) return undefined
    const seen = (CAUTION * this.#mostTaken) / this.#mostNeeded
    return Math.min(FACTORS.most, Math.max(FACTORS.least, seen))
  }

  /** Runs the task when its memory is there. Rejects with the signal's reason if it is aborted before that. */
  async run<T>(needBytes: number, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const { reader, wasKilled, debug } = this.#options
    await this.#enter(needBytes, signal, false)
    const killsBefore = wasKilled && reader.kills()
    try {
      return await task()
    } catch (error) {
      if (killsBefore === undefined || !wasKilled?.(error) || reader.kills() === killsBefore) throw error
      debug('memory: the kernel has killed a backend; it is compiled again when no other runs')
    } finally {
      this.#leave(needBytes)
    }
    await this.#enter(needBytes, signal, true)
    try {
      return await task()
    } finally {
      this.#leave(needBytes)
    }
  }

  close(): void {
    clearTimeout(this.#sampler)
    this.#sampler = undefined
    this.#neighbours.withdraw()
  }

  #leave(needBytes: number): void {
    this.#look()
    this.#running--
    this.#ended++
    this.#needed -= needBytes
    this.#factor = this.learnt ?? this.#factor
    if (this.#isShort) this.#trim()
    if (this.#running === 0) this.close()
    for (const wake of this.#wakers) wake()
  }

  #enter(needBytes: number, signal: AbortSignal, alone: boolean): Promise<void> {
    const whyNot = (): string | undefined => {
      if (alone && this.#running > 0)
        return `memory: a backend waits until the ${String(this.#running)} that run have ended`
      return this.#whyNot(needBytes)
    }
    const entered = this.#turn.then(async () => {
      this.#baseBytes ??= this.#options.usedBytes()
      let why = whyNot()
      if (why !== undefined) {
        this.waits++
        this.#options.debug(why)
      }
      for (; why !== undefined; why = whyNot()) {
        signal.throwIfAborted()
        await this.#change(signal)
      }
      signal.throwIfAborted()
      this.#running++
      this.#sampler ??= this.#sampleAfter(SAMPLE_MS)
      this.#isAlone = alone
      this.#needed += needBytes
      this.#mostNeeded = Math.max(this.#mostNeeded, this.#needed)
    })
    this.#turn = entered.catch(() => undefined)
    return entered
  }

  /** Why a backend that needs so much must wait; undefined if it need not. */
  #whyNot(needBytes: number): string | undefined {
    if (this.#running === 0) return undefined
    if (this.#isAlone) return 'memory: a backend that the kernel had killed has all of it'
    const { budgetBytes, reader } = this.#options
    const usedBytes = this.#look()
    const need = needBytes * this.#factor
    const promised = Math.max(0, this.#needed * this.#factor - (usedBytes - (this.#baseBytes ?? 0)))
    const budget = budgetBytes === undefined ? Infinity : budgetBytes - usedBytes
    const machine = reader.availableBytes() - RESERVE_BYTES
    const free = Math.min(budget, machine) - promised
    this.#isShort = free < PLENTY * need
    if (!this.#isShort) {
      this.#neighbours.withdraw()
      return undefined
    }
    // First said, then looked: of two that come at the same time both see each other.
    this.#neighbours.announce(promised + need)
    const others = free >= need ? this.#neighbours.othersBytes() : 0
    if (free >= need && machine - promised - others >= need) return undefined
    this.#neighbours.announce(promised)
    return (
      `memory: ${mib(need)} MiB for the next backend do not fit beside ${String(this.#running)} that run: ${mib(free)} MiB are free` +
      (others > 0 ? `, of which other links want ${mib(others)}` : '')
    )
  }

  #sampleAfter(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      const beganMs = performance.now()
      this.#look()
      this.#sampler = this.#sampleAfter(Math.max(SAMPLE_MS, (performance.now() - beganMs) / SAMPLE_SHARE))
    }, ms).unref()
  }

  /** It looks at all memory of the process: seldom enough to cost next to nothing. */
  #trim(): void {
    const beganMs = performance.now()
    if (beganMs < this.#trimAfterMs) return
    this.#options.trim?.()
    const endedMs = performance.now()
    this.#trimAfterMs = endedMs + (endedMs - beganMs) / TRIM_SHARE
  }

  /** What backends are in now; kept if it is more than ever. */
  #look(): number {
    const usedBytes = this.#options.usedBytes()
    this.#mostTaken = Math.max(this.#mostTaken, usedBytes - (this.#baseBytes ?? usedBytes))
    return usedBytes
  }

  /** A backend has ended, or it is time to look again. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wakers.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      // Not all links at the same time.
      const timer = setTimeout(done, LOOK_MS * (0.75 + Math.random() / 2))
      this.#wakers.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

/** What links of this user have promised to backends that have not taken it yet, in MiB: a number in a name. */
class Neighbours {
  #server: Server | undefined
  #saidMib = 0

  announce(bytes: number): void {
    const saidMib = Math.max(1, Math.round(bytes / MIB))
    if (this.#server !== undefined && Math.abs(saidMib - this.#saidMib) <= this.#saidMib / 16) return
    const before = this.#server
    this.#server = announce(`${GROUP}-${String(process.pid)}-${String(saidMib)}`)
    this.#saidMib = saidMib
    before?.close()
  }

  othersBytes(): number {
    const others = announcements(GROUP).filter((each) => each.pid !== String(process.pid) && isOfThisUser(each))
    return others.reduce((sum, { number }) => sum + number * MIB, 0)
  }

  withdraw(): void {
    this.#server?.close()
    this.#server = undefined
  }
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}
