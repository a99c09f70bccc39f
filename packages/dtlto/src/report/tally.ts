import type { LinkEvent } from '../link/events.js'

/** Where the jobs of a link are, kept up to date from its events. */
export class Tally {
  total = 0
  done = 0
  readonly running = new Map<string, number>()
  /** Work in units of `job.cost`, to estimate the time left. */
  #workInAll = 0
  #workDone = 0
  #costs: readonly number[] = []
  #sinceMs = 0

  add(event: LinkEvent): void {
    if (event.type === 'jobs') {
      this.#costs = event.jobs.map(({ cost }) => cost + 1)
      this.total = event.jobs.length
      this.#workInAll = this.#costs.reduce((sum, cost) => sum + cost, 0)
      return
    }
    if (event.type !== 'scheduler') return
    const { event: e } = event
    switch (e.kind) {
      case 'job-queued':
        this.#sinceMs ||= e.atMs
        break
      case 'attempt-started':
        this.running.set(e.distributor, (this.running.get(e.distributor) ?? 0) + 1)
        break
      case 'attempt-ended':
        this.running.set(e.distributor, (this.running.get(e.distributor) ?? 1) - 1)
        break
      case 'job-ended':
        this.done++
        this.#workDone += this.#costs[e.job] ?? 0
        break
      default:
    }
  }

  /** Estimated milliseconds until all jobs are done, once a tenth of the work is; undefined before. */
  remainingMs(nowMs: number): number | undefined {
    if (this.#workDone * 10 < this.#workInAll) return undefined
    return ((nowMs - this.#sinceMs) * (this.#workInAll - this.#workDone)) / this.#workDone
  }
}
