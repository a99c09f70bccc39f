/**
 * Many callers ask for single things, and a server is asked for many at once. What is asked while nothing is under way goes at once; what is asked
 * meanwhile goes together when one of `atOnce` requests has ended, that of the highest precedence first. So nothing waits for a timer, and the busier it gets the larger batches are.
 */
import { insertByCost } from 'dtlto/plugin'

export interface BatchLimits {
  readonly atOnce: number
  readonly items: number
  readonly weight: number
}

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly weight: number
  readonly cost: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export class Batches<Item, Answer> {
  /** May grow smaller while it works. */
  limits: BatchLimits
  readonly #send: (items: readonly Item[]) => Promise<readonly Answer[]>
  /** Those of higher precedence (`cost`, for insertByCost) first, equal ones in the order in which they came. */
  readonly #waiting: Waiting<Item, Answer>[] = []
  #running = 0
  #isPlanned = false

  /** `send` gives an answer for each item, in their order. */
  constructor(limits: BatchLimits, send: (items: readonly Item[]) => Promise<readonly Answer[]>) {
    this.limits = limits
    this.#send = send
  }

  /** `precedence`: of whoever needs it; default: before all. */
  add(item: Item, weight = 1, precedence = Infinity): Promise<Answer> {
    return new Promise((resolve, reject) => {
      insertByCost(this.#waiting, { item, weight, cost: precedence, resolve, reject })
      this.#plan()
    })
  }

  /** Somebody else needs it, too. Nothing happens if it does not wait any more. */
  raise(item: Item, precedence: number): void {
    const at = this.#waiting.findIndex((waiting) => waiting.item === item)
    const waiting = this.#waiting[at]
    if (waiting === undefined || waiting.cost >= precedence) return
    this.#waiting.splice(at, 1)
    insertByCost(this.#waiting, { ...waiting, cost: precedence })
  }

  /** In a moment: whoever asks for several does it in one turn of the event loop. */
  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      while (this.#waiting.length > 0 && this.#running < this.limits.atOnce) void this.#sendNext()
    })
  }

  async #sendNext(): Promise<void> {
    const batch = this.#take()
    this.#running++
    try {
      const answers = await this.#send(batch.map(({ item }) => item))
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answer)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#running--
      this.#plan()
    }
  }

  /** The first ones, as many as the limits allow, and at least one. */
  #take(): Waiting<Item, Answer>[] {
    let weight = 0
    let count = 0
    for (const next of this.#waiting) {
      if (count > 0 && (count === this.limits.items || weight + next.weight > this.limits.weight)) break
      weight += next.weight
      count++
    }
    return this.#waiting.splice(0, count)
  }
}
