/**
 * How many jobs this process may compile at a time, and the queue for them: as many as lld would run (--thinlto-jobs), unless the user says
 * otherwise; fewer when the machine is shared: with the jobs of a GNU make that offers a jobserver (jobserver-slots.ts), else with other links of
 * dtlto (even-share.ts); and fewer while their memory is not there (memory-gate.ts).
 */
import type { BackendJob } from '../distributors/interface.js'
import { EvenShare } from './even-share.js'
import { JobQueue } from './job-queue.js'
import { JobserverSlots } from './jobserver-slots.js'
import { jobserverAddress, openJobserver } from './jobserver.js'
import { MemoryGate, memoryNeed } from './memory-gate.js'
import { anonymousBytes, memoryReader } from './memory-reader.js'
import type { MemoryBudget } from './memory-option.js'
import { fixedSlots, type SlotSource } from './slot-source.js'

export interface SharedSlotsOptions {
  /** The user's number of slots; undefined: as many as lld would run. */
  readonly slots: number | undefined
  /** Leave cores to others. */
  readonly share: boolean
  /** As many jobs as lld would run at a time; 0 until the jobs are known. */
  readonly lldSlots: () => number
  readonly memory: MemoryBudget
  /** Of earlier links: MemoryGateOptions.factor. */
  readonly memoryFactor?: number | undefined
  /** Processes that the jobs are compiled in; default: this one. */
  readonly pids?: () => readonly number[]
  /** Whether the error of a task says that its process was killed from outside: MemoryGateOptions. */
  readonly wasKilled?: (error: unknown) => boolean
  /** Has this process give back what backends have freed: MemoryGateOptions. */
  readonly trim?: () => void
  /** Native threads limit the jobs by themselves, to what lld would run. */
  readonly hasThreadPool: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly debug: (message: string) => void
  /** The number of slots may have changed. */
  readonly onChange: () => void
}

export class SharedSlots {
  readonly #options: SharedSlotsOptions
  readonly #queue: JobQueue
  /** Made for the first job, as the source is. */
  #memory: MemoryGate | undefined
  /** Made when the first job is there: a link without jobs pays nothing. */
  #made: SlotSource | undefined

  constructor(options: SharedSlotsOptions) {
    this.#options = options
    this.#queue = new JobQueue({
      // Where native threads are not what limits the jobs, this must.
      limit: () => {
        const isBelow = this.#most() < options.lldSlots()
        return Math.min(this.#source().limit, !options.hasThreadPool || isBelow ? this.#most() : Infinity)
      },
      onChange: (running, waiting) => this.#source().demand(running, waiting),
    })
  }

  get slots(): number {
    return this.#made?.slots ?? this.#options.slots ?? this.#options.lldSlots()
  }

  /** For people. */
  get text(): string | undefined {
    return this.#made?.text
  }

  /** The link has so many jobs; some may be compiled in this process. */
  prepare(jobs: number): void {
    this.#source().prepare(jobs)
  }

  /** Jobs that had to wait for memory, and MemoryGate.learnt. */
  get memory(): { readonly waits: number; readonly learnt: number | undefined } {
    return { waits: this.#memory?.waits ?? 0, learnt: this.#memory?.learnt }
  }

  /** Runs the task when there are a slot and memory for it. Rejects with the signal's reason if it is aborted before that. */
  run<T>(
    job: Pick<BackendJob, 'bitcodeBytes' | 'importedBytes' | 'cost'>,
    signal: AbortSignal,
    task: () => Promise<T>,
  ): Promise<T> {
    return this.#queue.run(signal, () => this.#gate()?.run(memoryNeed(job), signal, task) ?? task())
  }

  /** Gives everything back. May be called twice. */
  close(): void {
    this.#made?.close()
    this.#memory?.close()
  }

  #most(): number {
    return Math.max(1, this.#options.slots ?? this.#options.lldSlots())
  }

  #gate(): MemoryGate | undefined {
    const { memory, memoryFactor, pids, wasKilled, trim, debug } = this.#options
    if (memory === 'off') return undefined
    return (this.#memory ??= new MemoryGate({
      budgetBytes: memory === 'auto' ? undefined : memory.bytes,
      reader: memoryReader(),
      usedBytes: () => (pids?.() ?? [process.pid]).reduce((sum, pid) => sum + anonymousBytes(pid), 0),
      factor: memoryFactor,
      wasKilled,
      trim,
      debug,
    }))
  }

  #source(): SlotSource {
    return (this.#made ??= this.#makeSource())
  }

  #makeSource(): SlotSource {
    const { share, env, debug, now, onChange } = this.#options
    const most = (): number => this.#most()
    if (!share || most() === 1) return fixedSlots(most)
    const onSlots = (): void => {
      this.#queue.startWaiting()
      onChange()
    }
    const address = jobserverAddress(env)
    const jobserver = address && openJobserver(address)
    if (address) debug(`jobserver ${address.text}: ${jobserver ? 'used' : 'not open to this process'}`)
    return jobserver ? new JobserverSlots(jobserver, most, onSlots, now) : new EvenShare(most, onSlots, now)
  }
}
