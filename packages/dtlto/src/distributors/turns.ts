/**
 * Many jobs come at once, and what each takes on the event loop, a millisecond or two, goes on from promise to promise: a hundred of them would run before anything
 * else does. Who waits for a turn before each piece of work leaves the loop to others after some milliseconds, however many do so.
 */
import { insertByCost } from './by-cost.js'

/** Of work in one turn of the event loop. */
const SLICE_MS = 5

export class Turns {
  readonly #now: () => number
  readonly #waiting: { readonly cost: number; readonly resolve: () => void }[] = []
  /** When the slice of this turn of the event loop ends; undefined: nothing has worked in it yet. */
  #endsMs: number | undefined

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Resolves in a turn of the event loop that has time left: work for jobs of a higher cost first, and work that is for none before that. */
  take(cost = Infinity): Promise<void> {
    return new Promise((resolve) => {
      insertByCost(this.#waiting, { cost, resolve })
      // Node does all that a promise leads to before it calls the next of these: so what others do with their turns is known here.
      const attempt = (): void => {
        if (this.#hasTime()) this.#waiting.shift()?.resolve()
        else setImmediate(attempt)
      }
      setImmediate(attempt)
    })
  }

  #hasTime(): boolean {
    if (this.#endsMs === undefined) {
      this.#endsMs = this.#now() + SLICE_MS
      setImmediate(() => (this.#endsMs = undefined))
    }
    return this.#now() < this.#endsMs
  }
}

const turns = new Turns()

/**
 * To be awaited before each piece of work that takes the event loop a noticeable time: resolves in a moment, or when others have had their turn. `cost`: that of the job that
 * the work is for; costlier jobs come first. Without it the work is for no job in particular, or frees a slot, and comes before all jobs'.
 */
export function takeTurn(cost?: number): Promise<void> {
  return turns.take(cost)
}
