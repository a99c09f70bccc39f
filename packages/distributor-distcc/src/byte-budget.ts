/**
 * How many bytes may be in memory at a time. Whoever needs some waits for them, first come, first served; on a socket that waits the sender waits
 * too. More than there are in all are given when nobody else has any.
 */
export class ByteBudget {
  readonly #bytes: number
  readonly #parent: ByteBudget | undefined
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = []
  #free: number

  /** What is taken from this budget is taken from its parent too. */
  constructor(bytes: number, parent?: ByteBudget) {
    this.#bytes = this.#free = bytes
    this.#parent = parent
  }

  /** Resolves when the bytes are there, with what gives them back: to be called once, also by who does not want them any more. */
  async acquire(bytes: number): Promise<() => void> {
    const share = Math.min(bytes, this.#bytes)
    if (this.#waiting.length > 0 || share > this.#free) {
      await new Promise<void>((grant) => this.#waiting.push({ bytes: share, grant }))
    } else this.#free -= share
    const release = await this.#parent?.acquire(bytes)
    return () => {
      release?.()
      this.#free += share
      for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#free; next = this.#waiting[0]) {
        this.#waiting.shift()
        this.#free -= next.bytes
        next.grant()
      }
    }
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
