/**
 * Jobs are asked for by the hundred, those first that take longest, and each needs other threads several times before it can be sent. First come, first served, all would get
 * their first step, then all their second one, and the job that ends the link would be sent with the last. So of the steps that wait, one of the job that was asked for first is next.
 */
export class InOrder {
  readonly #atOnce: number
  #running = 0
  /** The next one last. */
  readonly #waiting: { readonly rank: number; readonly start: () => void }[] = []

  /** `atOnce`: steps that run at a time. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  /** Does `step` when its turn has come: lower ranks first, equal ones in the order of the calls. */
  async run<T>(rank: number, step: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++
    else await this.#turn(rank)
    try {
      return await step()
    } finally {
      const next = this.#waiting.pop()
      if (next) next.start()
      else this.#running--
    }
  }

  #turn(rank: number): Promise<void> {
    return new Promise((start) => {
      // Before those of the same rank and of lower ones, which are nearer to the end.
      let low = 0
      let high = this.#waiting.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((this.#waiting[middle]?.rank ?? 0) > rank) low = middle + 1
        else high = middle
      }
      this.#waiting.splice(low, 0, { rank, start })
    })
  }
}
