import type { BackendJob } from 'dtlto/plugin'

/** Jobs that are made ahead: each holds its index, some ten kilobytes. */
const MOST_AHEAD = 32

/**
 * While servers compile, this machine has nothing to do, and when a slot is free the next job is made first and then sent. So while no job is on its way to a server the next
 * ones are made ahead, one after the other, those first that take longest.
 */
export class LookAhead {
  readonly #make: (job: BackendJob) => Promise<unknown>
  /** The next one last. */
  #jobs: BackendJob[] = []
  /** Those that were asked for. */
  readonly #begun = new Set<BackendJob>()
  /** Those that were made and have not been asked for. */
  readonly #ahead = new Set<BackendJob>()
  #onTheirWay = 0
  #isMaking = false
  #isOver = false

  /** `make`: what it makes of a job is kept elsewhere. */
  constructor(make: (job: BackendJob) => Promise<unknown>) {
    this.#make = make
  }

  /** All jobs of the link. */
  begin(jobs: readonly BackendJob[]): void {
    this.#jobs = [...jobs].sort((a, b) => a.cost - b.cost)
  }

  /** Does `send`, of a job that was asked for: nothing is made ahead meanwhile. */
  async during<T>(job: BackendJob, send: () => Promise<T>): Promise<T> {
    this.#begun.add(job)
    this.#ahead.delete(job)
    this.#onTheirWay++
    try {
      return await send()
    } finally {
      this.#onTheirWay--
      this.#goOn()
    }
  }

  end(): void {
    this.#isOver = true
    this.#jobs = []
  }

  #goOn(): void {
    if (this.#isOver || this.#isMaking || this.#onTheirWay > 0 || this.#ahead.size >= MOST_AHEAD) return
    let job = this.#jobs.pop()
    while (job !== undefined && this.#begun.has(job)) job = this.#jobs.pop()
    if (job === undefined) return
    this.#isMaking = true
    this.#ahead.add(job)
    const done = (): void => {
      this.#isMaking = false
      this.#goOn()
    }
    // What goes wrong goes wrong again when the job is asked for.
    this.#make(job).then(done, done)
  }
}
