/**
 * While endpoints compile, the linking machine has nothing to do, and when a slot is free the next job is made first and then sent. So while no job is on its way to an endpoint the
 * next ones are made ahead, in the order in which they are going to start.
 */
import type { BackendJob, WaitingJobs } from './interface.js'

/** Jobs that were made and have not been asked for. */
const MOST_AHEAD = 32

export interface LookAheadOptions {
  /** Makes these jobs ahead; what it makes of them is kept elsewhere. What goes wrong goes wrong again when a job is asked for. */
  readonly make: (jobs: readonly BackendJob[]) => Promise<unknown>
  /** How many jobs are made together, where that saves something: `make` gets so many, and fewer at the end. Default 1. */
  readonly together?: number
  /** How many jobs may be made and not asked for yet: each holds its index, some ten kilobytes, and what is made of it. Default 32. */
  readonly most?: number
  /** The job was made ahead, and somebody else compiles it: what was made of it need not be kept. */
  readonly forget?: (job: BackendJob) => void
}

export class LookAhead {
  readonly #make: (jobs: readonly BackendJob[]) => Promise<unknown>
  readonly #together: number
  readonly #most: number
  readonly #forget: (job: BackendJob) => void
  /** The next one last. */
  #jobs: BackendJob[] = []
  #waiting: WaitingJobs | undefined
  #count = Infinity
  /** Those that were asked for. */
  readonly #begun = new Set<BackendJob>()
  /** Those that were made and have not been asked for. */
  readonly #ahead = new Set<BackendJob>()
  #onTheirWay = 0
  #isMaking = false
  #isOver = false

  constructor({ make, together = 1, most = MOST_AHEAD, forget = () => undefined }: LookAheadOptions) {
    this.#make = make
    this.#together = Math.min(together, most)
    this.#most = most
    this.#forget = forget
  }

  /** What `Distributor.prepare` gets: all jobs of the link in the order in which they are going to start, and which of them wait. */
  begin(jobs: readonly BackendJob[], waiting: WaitingJobs): void {
    this.#jobs = [...jobs].reverse()
    this.#count = jobs.length
    this.#waiting = waiting
  }

  /** Whether all jobs were asked for, and none is on its way: what comes now is asked for once more. */
  get allAsked(): boolean {
    return this.#begun.size >= this.#count && this.#onTheirWay === 0
  }

  /** The job was asked for: nothing is made ahead until what this returns is called, when the job was sent, or will not be. To call it again does nothing. */
  asked(job: BackendJob): () => void {
    this.#begun.add(job)
    this.#ahead.delete(job)
    this.#onTheirWay++
    let isSent = false
    return () => {
      if (isSent) return
      isSent = true
      this.#onTheirWay--
      this.#goOn()
    }
  }

  /** Nothing is made any more. */
  end(): void {
    this.#isOver = true
    this.#jobs = []
  }

  #forgetTaken(): void {
    for (const job of this.#ahead) {
      if (this.#waiting?.isWaiting(job)) continue
      this.#ahead.delete(job)
      this.#forget(job)
    }
  }

  #goOn(): void {
    if (this.#isOver || this.#isMaking || this.#onTheirWay > 0) return
    this.#forgetTaken()
    if (this.#ahead.size + this.#together > this.#most) return
    const next: BackendJob[] = []
    while (next.length < this.#together) {
      const job = this.#jobs.pop()
      if (job === undefined) break
      if (!this.#begun.has(job) && this.#waiting?.isWaiting(job)) next.push(job)
    }
    if (next.length === 0) return
    this.#isMaking = true
    for (const job of next) this.#ahead.add(job)
    const done = (): void => {
      this.#isMaking = false
      this.#goOn()
    }
    new Promise((resolve) => resolve(this.#make(next))).then(done, done)
  }
}
