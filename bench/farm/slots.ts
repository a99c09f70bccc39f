/** The slots of one emulated machine. A job that is known takes a slot for the time that it once took, and no processor time. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recording, Recordings } from './recordings.js'

export interface SlotsOptions {
  readonly slots: number
  /** How much longer than recorded jobs take here. */
  readonly slowness: number
  readonly recordings: Recordings
  /** Jobs that are not recorded are compiled and recorded; else they are errors. */
  readonly isRecording: boolean
}

export interface FarmRequest {
  /** What the answer depends on. */
  readonly key: string
  readonly requestBytes: number
  /** Not a question that comes before the jobs. */
  readonly isJob: boolean
  /** Makes the answer; called while recording. */
  readonly compile: () => Promise<Buffer>
  /** Called when the request has its slot. */
  readonly begun?: () => void
}

/** What a machine has done since `takeTotals`. */
export interface Totals {
  /** How often jobs were executed. */
  jobs: number
  /** Of each job, however often it was executed: recorded, before slowness, in milliseconds. By its key. */
  times: ReadonlyMap<string, number>
  requestBytes: number
  busyAtOnce: number
}

export function noTotals(): Totals & { times: Map<string, number> } {
  return { jobs: 0, times: new Map(), requestBytes: 0, busyAtOnce: 0 }
}

/** What no schedule can do without: the longest job, or all of them on so many slots. In milliseconds. */
export function boundMs({ times }: Pick<Totals, 'times'>, slots: number): number {
  const all = [...times.values()]
  return Math.max(Math.max(...all), all.reduce((sum, ms) => sum + ms, 0) / slots)
}

export class Slots {
  readonly #options: SlotsOptions
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #begun = 0
  #onJob: { readonly job: number; readonly act: () => void } | undefined
  #totals = noTotals()

  constructor(options: SlotsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#options.slots
  }

  get isRecording(): boolean {
    return this.#options.isRecording
  }

  /** Calls `act` when the job of this number begins. */
  onJob(job: number, act: () => void): void {
    this.#onJob = { job, act }
  }

  /** The answer to a request, after its time. */
  async run({ key, requestBytes, isJob, compile, begun }: FarmRequest): Promise<Buffer> {
    this.#totals.requestBytes += requestBytes
    if (this.#busy >= this.#options.slots) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#busy++
    this.#totals.busyAtOnce = Math.max(this.#totals.busyAtOnce, this.#busy)
    begun?.()
    if (++this.#begun === this.#onJob?.job) this.#onJob.act()
    try {
      const { compileMs, answer } = await this.#answer(key, isJob, compile)
      if (isJob) {
        this.#totals.jobs++
        this.#totals.times.set(key, compileMs)
      }
      return answer
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#busy--
    }
  }

  takeTotals(): Totals {
    const totals = this.#totals
    this.#totals = noTotals()
    return totals
  }

  async #answer(key: string, isJob: boolean, compile: () => Promise<Buffer>): Promise<Recording> {
    const { recordings, isRecording, slowness } = this.#options
    const known = await recordings.get(key)
    if (known !== undefined) {
      if (!isRecording) await sleep(known.compileMs * slowness)
      return known
    }
    // Whether a link asks a machine anything before the jobs depends on which is there first.
    if (!isRecording && isJob) throw new Error('a job that is not recorded: record again')
    const startMs = performance.now()
    const answer = await compile()
    const recording = { compileMs: performance.now() - startMs, answer }
    await recordings.put(key, recording)
    return recording
  }
}
