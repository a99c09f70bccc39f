/** Jobs to have seen before their speed says anything. */
const MIN_SAMPLES = 5
/** How much slower than usual a job may be. */
const FACTOR = 10
const SMOOTHING = 0.2

/**
 * How long a job may take. Nothing on the wire tells a lost machine or a stopped compiler from a slow one, so a job's
 * time is judged by that of the jobs before it in this link: ten times what its cost makes one expect, and never less than
 * a floor. Until enough jobs were seen, only the option's limit holds.
 */
export class Deadlines {
  readonly #floorMs: number
  readonly #limitMs: number
  #samples = 0
  #msPerCost = 0

  constructor(floorMs: number, limitMs: number) {
    this.#floorMs = Math.min(floorMs, limitMs)
    this.#limitMs = limitMs
  }

  observe(cost: number, tookMs: number): void {
    if (cost <= 0 || tookMs <= 0) return
    const sample = tookMs / cost
    this.#msPerCost = this.#samples === 0 ? sample : this.#msPerCost + SMOOTHING * (sample - this.#msPerCost)
    this.#samples++
  }

  /** In milliseconds, for a job of that cost. */
  for(cost: number): number {
    if (this.#samples < MIN_SAMPLES) return this.#limitMs
    return Math.min(this.#limitMs, Math.max(this.#floorMs, FACTOR * this.#msPerCost * cost))
  }
}
