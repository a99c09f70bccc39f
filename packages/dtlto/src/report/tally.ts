import type { LinkEvent } from '../link/events.js'

/** What runs at a distributor now. */
export interface Running {
  jobs: number
  /** Jobs by endpoint; those without any are not in it. */
  readonly endpoints: Map<string, number>
}

/** Where the jobs of a link are, kept up to date from its events. */
export class Tally {
  total = 0
  done = 0
  /** By distributor; those where nothing runs any more stay in it. */
  readonly running = new Map<string, Running>()
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
        this.#count(e.distributor, e.endpoint, 1)
        break
      case 'attempt-answered':
        this.#count(e.distributor, e.endpoint, -1)
        break
      case 'attempt-ended':
        if (e.answeredMs === undefined) this.#count(e.distributor, e.endpoint, -1)
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

  #count(distributor: string, endpoint: string, by: 1 | -1): void {
    const running = this.running.get(distributor) ?? { jobs: 0, endpoints: new Map<string, number>() }
    this.running.set(distributor, running)
    running.jobs += by
    const jobs = (running.endpoints.get(endpoint) ?? 0) + by
    if (jobs > 0) running.endpoints.set(endpoint, jobs)
    else running.endpoints.delete(endpoint)
  }
}
