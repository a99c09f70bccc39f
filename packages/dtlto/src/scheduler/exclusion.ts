import type { Executor } from './executor.js'

/** Where a job may not go. A farm may have thousands of endpoints, so a distributor that is out of the question is one entry, not one for each. */
export class Exclusion {
  /** Equal keys, equal exclusions. */
  readonly key: string
  readonly #isEmpty: boolean
  readonly #everyEndpoint: boolean
  readonly #distributors: ReadonlySet<string>
  readonly #executors: ReadonlySet<number>

  constructor(distributors: Iterable<string>, executors: Iterable<number>, everyEndpoint = false) {
    this.#everyEndpoint = everyEndpoint
    this.#distributors = new Set(distributors)
    this.#executors = new Set(executors)
    this.#isEmpty = !everyEndpoint && this.#distributors.size === 0 && this.#executors.size === 0
    this.key = everyEndpoint
      ? 'all'
      : `${[...this.#distributors].sort().join()}|${[...this.#executors].sort((a, b) => a - b).join()}`
  }

  /** For this machine alone. */
  get isHomeOnly(): boolean {
    return this.#everyEndpoint
  }

  hasDistributor(name: string): boolean {
    return this.#everyEndpoint || this.#distributors.has(name)
  }

  has(executor: Executor): boolean {
    if (this.#isEmpty) return false
    if (this.#executors.has(executor.index)) return true
    return !executor.isHome && this.hasDistributor(executor.distributorName)
  }
}

export const NOTHING_EXCLUDED = new Exclusion([], [])
/** For this machine alone. */
export const HOME_ONLY = new Exclusion([], [], true)
