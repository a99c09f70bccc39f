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

  /** Resolves when the bytes are there, with what gives them back: to be called once, also by who does not want them any more. */
  async acquire(bytes: number): Promise<() => void> {
    const share = Math.min(bytes, this.#bytes)
    if (this.#waiting.length > 0 || share > this.#free) {
      await new Promise<void>((grant) => {
        this.#waiting.push({ bytes: share, grant })
        this.#watch()
      })
    } else this.#free -= share
    const writtenOff = this.#writtenOff
    const release = await this.#parent?.acquire(bytes)
    return () => {
      release?.()
      if (writtenOff === this.#writtenOff) this.#free += share
      this.#serve()
    }
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

/** Room for answers: as they come from the wire, and decompressed. Two budgets: who has the first may wait for the second, never the other way. */
export interface AnswerRoom {
  readonly wire: ByteBudget
  readonly objects: ByteBudget
}

const MIB = 1024 * 1024
const LINK = { wire: 256 * MIB, objects: 512 * MIB }
const SERVER = { wire: 64 * MIB, objects: 256 * MIB }

export function roomOfLink(): AnswerRoom {
  return { wire: new ByteBudget(LINK.wire), objects: new ByteBudget(LINK.objects) }
}

export function roomOfServer(link: AnswerRoom): AnswerRoom {
  return { wire: new ByteBudget(SERVER.wire, link.wire), objects: new ByteBudget(SERVER.objects, link.objects) }
}

/** For requests that are being packed or sent. */
const REQUESTS_BYTES = 32 * MIB
/** A server that takes nothing of a request for so long has stopped reading, or its network is gone. */
const REQUESTS_STALL_MS = 1000

/**
 * Of a link. Packing all at once would hold every slot's request in memory, and have all of them arrive late: one after the other, the first servers begin
 * sooner and the last no later.
 */
export function roomForRequests(): ByteBudget {
  return new ByteBudget(REQUESTS_BYTES, undefined, REQUESTS_STALL_MS)
}
