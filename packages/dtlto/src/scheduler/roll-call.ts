import type { DtltoError } from '../errors.js'
import type { DistributorState } from './distributor-state.js'
import type { EndpointExecutor } from './endpoint.js'
import type { Warnings } from './warnings.js'

interface Absence {
  readonly endpoint: EndpointExecutor
  readonly error: DtltoError
}

interface RollCallOptions {
  readonly warnings: Warnings
  readonly endpointsOf: (state: DistributorState) => readonly EndpointExecutor[]
  /** Who compiles when a distributor cannot, for people; undefined where nobody does, or nobody can tell. */
  readonly instead: string | undefined
}

/**
 * What is told of endpoints whose first probe fails. A farm that is down is one fact, and gets one line; of a farm that works, each server that does not
 * is another. Which of the two it is shows when the first endpoint answers, or when all have failed: until then warnings are held.
 */
export class RollCall {
  readonly #options: RollCallOptions
  readonly #held = new Map<DistributorState, Absence[]>()
  /** Of these every warning is given at once. */
  readonly #decided = new Set<DistributorState>()

  constructor(options: RollCallOptions) {
    this.#options = options
  }

  /** The endpoint works. */
  present({ distributor }: EndpointExecutor): void {
    this.#release(distributor)
  }

  absent(endpoint: EndpointExecutor, error: DtltoError): void {
    const { distributor } = endpoint
    const { warnings, endpointsOf } = this.#options
    // A distributor that is its only endpoint has no servers to count.
    if (this.#decided.has(distributor) || endpoint.endpointId === endpoint.distributorName)
      return warnings.warnOf(endpoint, error.code, error.message)
    const held = this.#held.get(distributor) ?? []
    this.#held.set(distributor, held)
    if (!held.some((other) => other.endpoint === endpoint)) held.push({ endpoint, error })
    if (endpointsOf(distributor).every((each) => held.some(({ endpoint }) => endpoint === each))) this.#allAbsent(held)
  }

  /** Nothing more will be heard. */
  end(): void {
    for (const state of this.#held.keys()) this.#release(state)
  }

  #release(state: DistributorState): void {
    this.#decided.add(state)
    for (const { endpoint, error } of this.#held.get(state) ?? [])
      this.#options.warnings.warnOf(endpoint, error.code, error.message)
    this.#held.delete(state)
  }

  #allAbsent(held: readonly Absence[]): void {
    const [first] = held
    if (first === undefined) return
    const { warnings, instead } = this.#options
    const { distributor } = first.endpoint
    this.#decided.add(distributor)
    this.#held.delete(distributor)
    for (const { endpoint, error } of held) warnings.isTold(endpoint, error.code)
    const count = `0 of ${String(held.length)} servers up${instead === undefined ? '' : `; ${instead}`}`
    const more = held.length > 1 ? "; 'dtlto doctor' looks at each" : ''
    warnings.warn(distributor.name, 'all-down', `${count}: ${first.error.message}${more}`)
  }
}
