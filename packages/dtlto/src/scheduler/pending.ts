import type { Exclusion } from './exclusion.js'

/**
 * The jobs that wait for a slot, in the order in which they should start.
 *
 * Most jobs may go to every executor; a few may not (one failed on them, one cannot express them). Searching a common queue
 * for "the first job that may go to X" would be quadratic when X can express none of 20,000 jobs. So jobs with the same
 * exclusions share a group, there are few groups, and each is a sorted array with the next job at its end. Taking it is a
 * pop; taking one from the middle moves memory, some microseconds at 20,000 jobs, less than any tree costs in practice.
 */
export class Pending {
  readonly #groups = new Map<string, Group>()
  readonly #groupOf: (Group | undefined)[]
  readonly #rank: Int32Array
  readonly #units: Float64Array
  #size = 0
  #work = 0

  /** `order`: all jobs, first to start first. `units`: the expected size of each. */
  constructor(order: readonly number[], units: Float64Array) {
    this.#rank = new Int32Array(order.length)
    order.forEach((job, rank) => (this.#rank[job] = rank))
    this.#units = units
    this.#groupOf = new Array<Group | undefined>(order.length).fill(undefined)
  }

  get size(): number {
    return this.#size
  }

  /** Sum of the units of all waiting jobs. */
  get work(): number {
    return this.#work
  }

  get groups(): IterableIterator<Group> {
    return this.#groups.values()
  }

  /** The group with the job that should start first comes first. */
  groupsInOrder(): readonly Group[] {
    const groups = [...this.groups]
    return groups.length < 2 ? groups : groups.sort((a, b) => this.#rankOf(this.first(a)) - this.#rankOf(this.first(b)))
  }

  groupOf(job: number): Group | undefined {
    return this.#groupOf[job]
  }

  has(job: number): boolean {
    return this.#groupOf[job] !== undefined
  }

  /** `openToHome`: whether this machine may take it at any time, also where it is the last resort. */
  add(job: number, exclusion: Exclusion, openToHome: boolean): void {
    const key = `${openToHome ? 'h' : 'e'}${exclusion.key}`
    let group = this.#groups.get(key)
    if (group === undefined) this.#groups.set(key, (group = { key, exclusion, openToHome, jobs: [] }))
    const rank = this.#rankOf(job)
    const last = group.jobs.at(-1)
    if (last === undefined || this.#rankOf(last) > rank) group.jobs.push(job)
    else group.jobs.splice(this.#position(group, rank), 0, job)
    this.#groupOf[job] = group
    this.#size++
    this.#work += this.#units[job] ?? 0
  }

  remove(job: number): void {
    const group = this.#groupOf[job]
    if (group === undefined) return
    if (group.jobs.at(-1) === job) group.jobs.pop()
    else group.jobs.splice(this.#position(group, this.#rankOf(job)), 1)
    if (group.jobs.length === 0) this.#groups.delete(group.key)
    this.#groupOf[job] = undefined
    this.#size--
    this.#work = this.#size === 0 ? 0 : this.#work - (this.#units[job] ?? 0)
  }

  /** The job of the group that should start first. */
  first(group: Group): number {
    return group.jobs[group.jobs.length - 1] ?? -1
  }

  /** The longest job of the group of at most `units`, or -1. Meant for the order "longest first". */
  longestWithin(group: Group, units: number): number {
    const count = this.#countBelow(group, units, true)
    return count === 0 ? -1 : (group.jobs[count - 1] ?? -1)
  }

  /** How many waiting jobs are of at least `units`. As `longestWithin`. */
  countFrom(units: number): number {
    let count = 0
    for (const group of this.groups) count += group.jobs.length - this.#countBelow(group, units)
    return count
  }

  /** Whether `a` should start before `b`. */
  before(a: number, b: number): boolean {
    return this.#rankOf(a) < this.#rankOf(b)
  }

  /** Takes all jobs of a group out, in their order. */
  takeAll(group: Group): number[] {
    const jobs = [...group.jobs].reverse()
    for (const job of jobs) this.remove(job)
    return jobs
  }

  #rankOf(job: number): number {
    return this.#rank[job] ?? 0
  }

  /** Of a group in the order "longest first": how many jobs are shorter than `units`, or as long. */
  #countBelow(group: Group, units: number, orAsLong = false): number {
    let low = 0
    let high = group.jobs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const own = this.#units[group.jobs[middle] ?? 0] ?? 0
      if (own < units || (orAsLong && own === units)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** First position in the group (ordered by falling rank) whose rank is at most `rank`. */
  #position(group: Group, rank: number): number {
    let low = 0
    let high = group.jobs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#rankOf(group.jobs[middle] ?? 0) > rank) low = middle + 1
      else high = middle
    }
    return low
  }
}

export interface Group {
  readonly key: string
  readonly exclusion: Exclusion
  readonly openToHome: boolean
  /** The next to start is the last. Changed by Pending alone. */
  readonly jobs: number[]
}
