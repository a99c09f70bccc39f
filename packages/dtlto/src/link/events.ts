import type { BackendJob } from '../distributors/interface.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { Tally } from './tally.js'

/** What happens in a link, for progress, trace, summary and embedding programs. */
export type LinkEvent =
  /**
   * How many ThinLTO modules the link has, and of how many lld's cache had the object; the others are its jobs. After 'jobs'. 0 and 0 where lld has ended
   * before it knew.
   */
  | { readonly type: 'modules'; readonly total: number; readonly cacheHits: number }
  /** The set of jobs is fixed. Not sent when the link has none. */
  | { readonly type: 'jobs'; readonly jobs: readonly BackendJob[] }
  | { readonly type: 'scheduler'; readonly event: SchedulerEvent }
  /**
   * When the jobs are known, and whenever one of them has ended. `running`: attempts under way. `etaMs`: estimated milliseconds until the last job has
   * ended; left out while nobody can tell.
   */
  | {
      readonly type: 'progress'
      readonly done: number
      readonly total: number
      readonly running: number
      readonly etaMs?: number
    }
  /**
   * Every job has ended. `waits`: how many waited in this process for memory. `learnt`: how much memory backends needed, where 1 is what was estimated; undefined
   * without enough of them.
   */
  | { readonly type: 'memory'; readonly waits: number; readonly learnt: number | undefined }
  /** The set of objects is fixed; lld writes its output. `importsOf`: the modules that a job imports from; during the event only. */
  | { readonly type: 'objects'; readonly importsOf: (job: number) => readonly string[] }
  /** Nothing of lld runs any more. The last event. */
  | { readonly type: 'end'; readonly exitCode: number }
  /** Said once for each distributor and kind. */
  | { readonly type: 'warning'; readonly distributor: string; readonly kind: string; readonly message: string }
  | { readonly type: 'debug'; readonly distributor: string; readonly message: string }

export type LinkListener = (event: LinkEvent) => void

/** Hands events to listeners; a warning of the same distributor and kind passes once. */
export class LinkEvents {
  readonly #listeners: LinkListener[]
  readonly #warned = new Set<string>()
  readonly #tally = new Tally()
  #failure: { readonly error: unknown } | undefined
  #onFailure!: (error: unknown) => void
  /**
   * Rejects with what a listener has thrown first. `emit` itself never throws: it is called from many places, by plugins too, and it is the
   * link that must end.
   */
  readonly failed: Promise<never>

  constructor(listeners: readonly LinkListener[]) {
    this.#listeners = [...listeners]
    this.failed = new Promise((_, reject) => {
      this.#onFailure = reject
    })
    this.failed.catch(() => undefined) // also when nobody is waiting
  }

  listen(listener: LinkListener): void {
    this.#listeners.push(listener)
  }

  /** What the scheduler did; its warnings are the link's. */
  schedule(event: SchedulerEvent): void {
    this.emit({ type: 'scheduler', event })
    this.#tally.add(event)
    if (event.kind === 'job-ended') this.#progress(event.atMs)
    if (event.kind !== 'warning') return
    this.emit({ type: 'warning', distributor: event.distributor, kind: event.warning, message: event.message })
  }

  /** Throws what a listener has thrown. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  emit(event: LinkEvent): void {
    if (event.type === 'warning') {
      const key = `${event.distributor}\0${event.kind}`
      if (this.#warned.has(key)) return
      this.#warned.add(key)
    }
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#failure ??= { error }
        this.#onFailure(error)
      }
    }
    if (event.type === 'jobs') {
      this.#tally.begin(event.jobs)
      this.#progress(0)
    }
  }

  #progress(nowMs: number): void {
    const { done, total, runningInAll: running } = this.#tally
    const etaMs = this.#tally.remainingMs(nowMs)
    this.emit({ type: 'progress', done, total, running, ...(etaMs === undefined ? {} : { etaMs }) })
  }
}
