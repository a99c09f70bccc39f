import type { BackendJob } from '../distributors/interface.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { TimeLeft } from './time-left.js'

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
  /** Attempts under way, of which a job may have several. */
  runningInAll = 0
  /** By distributor; those where nothing runs any more stay in it. */
  readonly running = new Map<string, Running>()
  #left = new TimeLeft([])

  begin(jobs: readonly Pick<BackendJob, 'cost'>[]): void {
    this.total = jobs.length
    this.#left = new TimeLeft(jobs.map(({ cost }) => cost + 1))
  }

  add(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'job-queued':
        this.#left.begin(event.atMs)
        break
      case 'attempt-started':
        this.#count(event.distributor, event.endpoint, 1)
        break
      case 'attempt-answered':
        this.#count(event.distributor, event.endpoint, -1)
        break
      case 'attempt-ended':
        if (event.answeredMs === undefined) this.#count(event.distributor, event.endpoint, -1)
        break
      case 'job-ended':
        this.done++
        this.#left.jobEnded(event.job, event.atMs)
        break
      case 'endpoint-rested':
      case 'endpoint-retired':
      case 'endpoint-recovered':
        this.#left.machinesChanged()
        break
      default:
    }
  }

  /** Estimated milliseconds until all jobs are done; undefined while nobody can tell. */
  remainingMs(nowMs: number): number | undefined {
    return this.#left.at(nowMs)
  }

  #count(distributor: string, endpoint: string, by: 1 | -1): void {
    const running = this.running.get(distributor) ?? { jobs: 0, endpoints: new Map<string, number>() }
    this.running.set(distributor, running)
    this.runningInAll += by
    running.jobs += by
    const jobs = (running.endpoints.get(endpoint) ?? 0) + by
    if (jobs > 0) running.endpoints.set(endpoint, jobs)
    else running.endpoints.delete(endpoint)
  }
}
