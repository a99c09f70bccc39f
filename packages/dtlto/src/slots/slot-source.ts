/** Who says how many jobs this process may compile at a time. */
export interface SlotSource {
  /** At least 1. May change at any time. */
  readonly slots: number
  /**
   * Jobs that may be handed to native threads at a time: the slots, or Infinity where they are all that there are. Then a job that has no
   * slot yet waits with the threads themselves, and none of them ever waits for the event loop.
   */
  readonly limit: number
  /** For people. */
  readonly text?: string
  /** The link has so many jobs; some may be compiled in this process. */
  prepare(jobs: number): void
  /** So many run now, and so many wait for a slot. */
  demand(running: number, waiting: number): void
  /** Gives everything back. May be called twice. */
  close(): void
}

/** All slots, whatever else happens on the machine. */
export function fixedSlots(most: () => number): SlotSource {
  return {
    limit: Infinity,
    get slots() {
      return most()
    },
    prepare: () => undefined,
    demand: () => undefined,
    close: () => undefined,
  }
}
