import type { BackendJob } from '../distributors/interface.js'
import type { SchedulerEvent } from '../scheduler/events.js'

/** What happens in a link, for progress, trace, summary and embedding programs. */
export type LinkEvent =
  /** The set of jobs is fixed. Not sent when the link has none. */
  | { readonly type: 'jobs'; readonly jobs: readonly BackendJob[] }
  | { readonly type: 'scheduler'; readonly event: SchedulerEvent }
  /** The set of objects is fixed; lld writes its output. */
  | { readonly type: 'objects' }
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

  constructor(listeners: readonly LinkListener[]) {
    this.#listeners = [...listeners]
  }

  listen(listener: LinkListener): void {
    this.#listeners.push(listener)
  }

  emit(event: LinkEvent): void {
    if (event.type === 'warning') {
      const key = `${event.distributor}\0${event.kind}`
      if (this.#warned.has(key)) return
      this.#warned.add(key)
    }
    for (const listener of this.#listeners) listener(event)
  }
}
