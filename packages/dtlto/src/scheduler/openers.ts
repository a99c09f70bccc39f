/**
 * Which jobs start while others are still being sent.
 *
 * The longest jobs are mostly those that import from the most modules. While they are packed, and are on their way, the slots that are free would wait for more of them, and the link for its
 * slots; later, when all that is left is short and small, the wire would have nothing to do. So while enough is on its way the next job is the one that gives a slot the most work for
 * what it takes to be sent, as long as the longest one that waits can still follow it (ffmpeg over 32 slots: 15.5 to 14.7 s; over 1 Gbit/s more).
 */
import type { BackendJob } from '../distributors/interface.js'

/** Of jobs on their way: where so much is, the wire, or this machine, has enough to do. */
export const ENOUGH_BYTES = 16 * 1024 ** 2
/** What a job takes to be sent beside its bytes, in bytes: about 3 ms where 100 MB/s are read, packed and sent. */
const BYTES_OF_A_JOB = 300_000
/** Of those that start before others have arrived. */
const FIRST_BYTES = 64 * 1024 ** 2
/** So many that are too long are passed over. */
const FEW = 64

export class Openers {
  readonly #jobs: readonly Pick<BackendJob, 'bitcodeBytes' | 'importedBytes'>[]
  readonly #units: Float64Array
  /** The next one last. */
  #order: number[] | undefined

  /** `units`: the expected size of each job. */
  constructor(jobs: readonly Pick<BackendJob, 'bitcodeBytes' | 'importedBytes'>[], units: Float64Array) {
    this.#jobs = jobs
    this.#units = units
  }

  /** The job of at most `mostUnits` with the most work for its bytes. Those that do not wait any more are not asked for again. */
  best(mostUnits: number, isWaiting: (job: number) => boolean): number | undefined {
    const order = (this.#order ??= this.#sorted())
    for (let last = order.at(-1); last !== undefined && !isWaiting(last); last = order.at(-1)) order.pop()
    for (let i = order.length - 1; i >= Math.max(0, order.length - FEW); i--) {
      const job = order[i] ?? -1
      if ((this.#units[job] ?? Infinity) <= mostUnits && isWaiting(job)) return job
    }
    return undefined
  }

  /** Those that are likely to start first, the best first. */
  get first(): readonly number[] {
    let bytes = 0
    const order = (this.#order ??= this.#sorted()).toReversed()
    const end = order.findIndex((job) => (bytes += this.#bytesOf(job)) > FIRST_BYTES)
    return end < 0 ? order : order.slice(0, end)
  }

  #bytesOf(job: number): number {
    const { bitcodeBytes = 0, importedBytes = 0 } = this.#jobs[job] ?? {}
    return bitcodeBytes + importedBytes
  }

  #sorted(): number[] {
    const workOfByte = this.#jobs.map((_, job) => (this.#units[job] ?? 0) / (this.#bytesOf(job) + BYTES_OF_A_JOB))
    return workOfByte.map((_, job) => job).sort((a, b) => (workOfByte[a] ?? 0) - (workOfByte[b] ?? 0) || b - a)
  }
}
