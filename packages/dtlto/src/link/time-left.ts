/**
 * When the jobs of a link will be done, for people: an end that is looked at anew when a job ends, so that the time left counts down between two of them.
 * It moves to a later end only for a reason: machines went or came, or the old end is clearly wrong. Noise of the estimate never makes it count up.
 */

/** Of the work: before, a rate says little. */
const LEAST_DONE = 0.1
/** How much later an end must be to be believed: this share of the time left, and this much. */
const TOLERANCE = 0.25
const TOLERANCE_MS = 2_000

export class TimeLeft {
  /** Work of each job, in any unit. */
  readonly #costs: readonly number[]
  readonly #inAll: number
  #done = 0
  #sinceMs: number | undefined
  #endMs: number | undefined
  #believesAll = false

  constructor(costs: readonly number[]) {
    this.#costs = costs
    this.#inAll = costs.reduce((sum, cost) => sum + cost, 0)
  }

  begin(atMs: number): void {
    this.#sinceMs ??= atMs
  }

  jobEnded(job: number, atMs: number): void {
    this.#done += this.#costs[job] ?? 0
    if (this.#sinceMs === undefined || this.#done < this.#inAll * LEAST_DONE) return
    const leftMs = ((atMs - this.#sinceMs) * (this.#inAll - this.#done)) / this.#done
    const endMs = atMs + leftMs
    const isLater = this.#endMs === undefined || endMs > this.#endMs + leftMs * TOLERANCE + TOLERANCE_MS
    if (isLater || this.#believesAll || endMs < (this.#endMs ?? 0)) this.#endMs = endMs
    this.#believesAll = false
  }

  /** The next end counts, whatever was said before. */
  machinesChanged(): void {
    this.#believesAll = true
  }

  /** Milliseconds; undefined before a tenth of the work is done, and when the end has come and jobs have not. */
  at(nowMs: number): number | undefined {
    if (this.#endMs === undefined || nowMs > this.#endMs) return undefined
    return this.#endMs - nowMs
  }
}
