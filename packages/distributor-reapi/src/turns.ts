/**
 * Many jobs come at once, and what each takes on the event loop, a millisecond, goes on from promise to promise: a hundred of them would run before anything else does.
 * What is done in turns leaves the loop to others after some milliseconds.
 */
const SLICE_MS = 8

export class Turns {
  readonly #now: () => number
  #last: Promise<unknown> = Promise.resolve()
  /** When the slice of this turn of the event loop ends; undefined: nothing has worked in it yet. */
  #endsMs: number | undefined

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Does one piece of work after the other. Settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      await this.#time()
      return await work()
    })
    this.#last = done.catch(() => undefined)
    return done
  }

  async #time(): Promise<void> {
    while (this.#endsMs !== undefined && this.#now() >= this.#endsMs)
      await new Promise((resolve) => setImmediate(resolve))
    if (this.#endsMs !== undefined) return
    this.#endsMs = this.#now() + SLICE_MS
    setImmediate(() => (this.#endsMs = undefined))
  }
}
