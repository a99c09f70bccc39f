/**
 * Which jobs start while others are still being sent.
 *
 * The longest jobs are mostly those that import from the most modules. While they are packed, and are on their way, the slots that are free would wait for more of them, and the link for its
 * slots; later, when all that is left is short and small, the wire would have nothing to do. So while enough is on its way the next job is the one that gives a slot the most work for
 * what it takes to be sent, as long as all long ones that wait can still follow it (ffmpeg over 32 slots: 15.5 to 14.7 s; over 1 Gbit/s more).
 */
import type { BackendJob } from '../distributors/interface.js'

/** Of jobs on their way: where so much is, the wire, or this machine, has enough to do. */
export const ENOUGH_BYTES = 16 * 1024 ** 2
/** What a job takes to be sent beside its bytes, in bytes: about 3 ms where 100 MB/s are read, packed and sent. */
const BYTES_OF_A_JOB = 300_000
/** How many slots there may be, for a guess. */
const LIKELY_SLOTS = 32
/** Of those that start before others have arrived. */
const FIRST_BYTES = 64 * 1024 ** 2
/** At most so many jobs that are too long are passed over in the search for one. */
const FEW = 64
/** At most so many jobs are offered to those that are free. */
const TRIES = 4

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

  /** What `place` makes of the job of at most `mostUnits` with the most work for its bytes, or of one of the next few. Those that do not wait any more are not asked for again. */
  best<T>(
    mostUnits: number,
    isWaiting: (job: number) => boolean,
    place: (job: number) => T | undefined,
  ): T | undefined {
    const order = this.#worthwhile()
    let passed = 0
    let tries = 0
    for (let i = order.length - 1; i >= 0 && passed < FEW && tries < TRIES; i--) {
      const job = order[i] ?? -1
      if (!isWaiting(job)) {
        order.splice(i, 1)
        continue
      }
      passed++
      if ((this.#units[job] ?? Infinity) > mostUnits) continue
      tries++
      const placed = place(job)
      if (placed !== undefined) return placed
    }
    return undefined
  }

  /** The order of jobs in which they are likely to start, of their order by length: where those that would be first are slow to be sent, some others come between. */
  likely(longestFirst: readonly number[]): readonly number[] {
    const bytes = (jobs: readonly number[]): number => jobs.reduce((sum, job) => sum + this.#bytesOf(job), 0)
    if (bytes(longestFirst.slice(0, LIKELY_SLOTS)) < 4 * ENOUGH_BYTES) return longestFirst
    const first = upTo(ENOUGH_BYTES, longestFirst, (job) => this.#bytesOf(job))
    const between = upTo(FIRST_BYTES, this.#worthwhile().toReversed(), (job) => this.#bytesOf(job))
    return [...new Set([...first, ...between, ...longestFirst])]
  }

  #bytesOf(job: number): number {
    const { bitcodeBytes = 0, importedBytes = 0 } = this.#jobs[job] ?? {}
    return bitcodeBytes + importedBytes
  }

  #worthwhile(): number[] {
    if (this.#order !== undefined) return this.#order
    const workOfByte = this.#jobs.map((_, job) => (this.#units[job] ?? 0) / (this.#bytesOf(job) + BYTES_OF_A_JOB))
    this.#order = workOfByte.map((_, job) => job).sort((a, b) => (workOfByte[a] ?? 0) - (workOfByte[b] ?? 0) || b - a)
    return this.#order
  }
}

function upTo(bytes: number, jobs: readonly number[], bytesOf: (job: number) => number): readonly number[] {
  let left = bytes
  const end = jobs.findIndex((job) => (left -= bytesOf(job)) < 0)
  return end < 0 ? jobs : jobs.slice(0, end)
}
