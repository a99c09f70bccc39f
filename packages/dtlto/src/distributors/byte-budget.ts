import { cancelled, onAbort } from './aborts.js'

/**
 * How many bytes may be in memory at a time. Whoever needs some waits for them, first come, first served; on a socket that waits the sender waits
 * too. More than there are in all are given when nobody else has any.
 */
export class ByteBudget {
  readonly #bytes: number
  readonly #parent: ByteBudget | undefined
  readonly #stallMs: number | undefined
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = []
  #free: number
  /** How often what was given has been written off. */
  #writtenOff = 0
  #stall: NodeJS.Timeout | undefined

  /**
   * What is taken from this budget is taken from its parent too. With `stallMs`, what has been given is written off when nothing came back of it for so long
   * while somebody waited: not even holders that stand still keep the others waiting.
   */
  constructor(bytes: number, parent?: ByteBudget, stallMs?: number) {
    this.#bytes = this.#free = bytes
    this.#parent = parent
    this.#stallMs = stallMs
  }

  /**
   * Resolves when the bytes are there, with what gives them back: to be called once, also by who does not want them any more. Whoever holds some and waits for more of the same budget may
   * wait for ever. Rejects with DTLTO_CANCELLED when `signal` is aborted before.
   */
  async acquire(bytes: number, signal?: AbortSignal): Promise<() => void> {
    const share = Math.min(bytes, this.#bytes)
    if (this.#waiting.length > 0 || share > this.#free) await this.#turn(share, signal)
    else this.#free -= share
    const writtenOff = this.#writtenOff
    const giveBack = (): void => {
      if (writtenOff === this.#writtenOff) this.#free += share
      this.#serve()
    }
    try {
      const release = await this.#parent?.acquire(bytes, signal)
      return () => {
        release?.()
        giveBack()
      }
    } catch (error) {
      giveBack()
      throw error
    }
  }

  #turn(share: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        bytes: share,
        grant: () => {
          forget?.()
          resolve()
        },
      }
      this.#waiting.push(waiting)
      this.#watch()
      const forget =
        signal &&
        onAbort(signal, () => {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
          reject(cancelled())
          this.#serve()
        })
    })
  }

  #serve(): void {
    clearTimeout(this.#stall)
    this.#stall = undefined
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.bytes
      next.grant()
    }
    if (this.#waiting.length > 0) this.#watch()
  }

  #watch(): void {
    if (this.#stallMs === undefined || this.#stall !== undefined) return
    this.#stall = setTimeout(() => {
      this.#writtenOff++
      this.#free = this.#bytes
      this.#serve()
    }, this.#stallMs)
  }
}
