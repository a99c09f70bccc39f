/** The one wire by which all that a link sends leaves the linking machine: first come, first served, so many bytes a millisecond. */
import type { FakeClock } from '../../packages/testkit/src/index.js'

interface Parcel {
  readonly bytes: number
  /** Undefined: nobody wants it any more. */
  sent: (() => void) | undefined
}

export class Uplink {
  readonly #clock: FakeClock
  readonly #bytesPerMs: number
  readonly #waiting: Parcel[] = []
  /** Position of the next in `waiting`; those before it are gone. */
  #next = 0
  #isBusy = false
  #sentBytes = 0

  /** `bytesPerMs`: Infinity for a wire that takes no time. */
  constructor(clock: FakeClock, bytesPerMs: number) {
    this.#clock = clock
    this.#bytesPerMs = bytesPerMs
  }

  /** What went over the wire, wanted or not. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Calls `sent` when all bytes are there. What is cancelled before its turn takes no time of the wire; what has begun goes on to its end. */
  send(bytes: number, sent: () => void): () => void {
    const parcel: Parcel = { bytes, sent }
    this.#waiting.push(parcel)
    if (!this.#isBusy) this.#sendNext()
    return () => (parcel.sent = undefined)
  }

  #sendNext(): void {
    let parcel = this.#waiting[this.#next]
    while (parcel !== undefined && parcel.sent === undefined) parcel = this.#waiting[++this.#next]
    this.#isBusy = parcel !== undefined
    if (parcel === undefined) {
      this.#waiting.length = this.#next = 0
      return
    }
    const { bytes } = parcel
    this.#next++
    this.#sentBytes += bytes
    this.#clock.setTimer(this.#clock.now() + bytes / this.#bytesPerMs, () => {
      parcel.sent?.()
      this.#sendNext()
    })
  }
}
