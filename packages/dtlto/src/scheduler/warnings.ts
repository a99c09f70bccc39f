import type { EndpointExecutor } from './endpoint.js'

/** Warnings of one kind that are given of one distributor: of a large farm that is down, some examples are enough. */
const MOST_OF_A_KIND = 5

/** What the user is told of distributors: each thing once. */
export class Warnings {
  readonly #give: (distributor: string, warning: string, message: string) => void
  /** What was given, by distributor. */
  readonly #given = new Map<string, Set<string>>()
  /** Of how many endpoints, by distributor and kind. */
  readonly #endpoints = new Map<string, number>()

  constructor(give: (distributor: string, warning: string, message: string) => void) {
    this.#give = give
  }

  /** False if it was given before. */
  warn(distributor: string, warning: string, message: string): boolean {
    const given = this.#given.get(distributor) ?? new Set()
    if (given.has(warning)) return false
    this.#given.set(distributor, given.add(warning))
    this.#give(distributor, warning, message)
    return true
  }

  /** Of an endpoint: once for each kind, and for a few endpoints. */
  warnOf({ distributorName, endpointId }: EndpointExecutor, kind: string, message: string): void {
    if (endpointId === distributorName) return void this.warn(distributorName, kind, message)
    const key = `${distributorName} ${kind}`
    const given = this.#endpoints.get(key) ?? 0
    if (given < MOST_OF_A_KIND && this.warn(distributorName, `${kind}:${endpointId}`, message))
      this.#endpoints.set(key, given + 1)
  }

  /** Something else has told it: the warning of this kind is not given any more. */
  isTold({ distributorName, endpointId }: EndpointExecutor, kind: string): void {
    const given = this.#given.get(distributorName) ?? new Set()
    this.#given.set(distributorName, given.add(`${kind}:${endpointId}`))
  }

  /** Whether anything was given of a distributor. */
  has(distributor: string): boolean {
    return this.#given.has(distributor)
  }
}
