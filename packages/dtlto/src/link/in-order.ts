import { insertByCost } from '../distributors/by-cost.js'

/** Steps of jobs on other threads: of those that wait, one of the costliest job is next. */
export class InOrder {
  readonly #atOnce: number
  #running = 0
  readonly #waiting: { readonly cost: number; readonly start: () => void }[] = []

  /** `atOnce`: steps that run at a time. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  /** Does `step` when its turn has come: those of jobs of a higher cost first, of equal ones in the order of the calls. */
  async run<T>(cost: number, step: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++
    else await new Promise<void>((start) => insertByCost(this.#waiting, { cost, start }))
    try {
      return await step()
    } finally {
      const next = this.#waiting.shift()
      if (next) next.start()
      else this.#running--
    }
  }
}
