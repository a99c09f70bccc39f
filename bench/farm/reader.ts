/** Exact numbers of bytes from a stream, one read at a time; what is passed over is never put together. */
import type { Readable } from 'node:stream'

/** Of what has arrived and nobody has asked for; then the stream has to wait. */
const AHEAD_BYTES = 1024 * 1024

export class ExactReader {
  readonly #stream: Readable
  #chunks: Buffer[] = []
  #arrivedBytes = 0
  #wanted: { readonly bytes: number; readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  #isOver = false

  constructor(stream: Readable) {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#arrivedBytes += chunk.length
      if (this.#arrivedBytes >= (this.#wanted?.bytes ?? AHEAD_BYTES)) {
        if (this.#wanted === undefined) stream.pause()
        this.#wanted?.resolve()
      }
    })
    const over = (): void => {
      this.#isOver = true
      this.#wanted?.reject(new ConnectionEnded())
    }
    stream.on('end', over)
    stream.on('close', over)
  }

  /** Rejects when the other side has gone before. */
  async read(bytes: number): Promise<Buffer> {
    await this.#until(bytes)
    return Buffer.concat(this.#take(bytes), bytes)
  }

  async skip(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      await this.#until(1)
      const now = Math.min(left, this.#arrivedBytes)
      this.#take(now)
      left -= now
    }
  }

  async #until(bytes: number): Promise<void> {
    if (this.#arrivedBytes >= bytes) return
    if (this.#isOver) throw new ConnectionEnded()
    this.#stream.resume()
    try {
      await new Promise<void>((resolve, reject) => (this.#wanted = { bytes, resolve, reject }))
    } finally {
      this.#wanted = undefined
    }
  }

  #take(bytes: number): Buffer[] {
    const taken: Buffer[] = []
    for (let left = bytes; left > 0; ) {
      const first = this.#chunks[0] as Buffer
      if (first.length <= left) this.#chunks.shift()
      else this.#chunks[0] = first.subarray(left)
      taken.push(first.subarray(0, left))
      left -= Math.min(left, first.length)
    }
    this.#arrivedBytes -= bytes
    return taken
  }
}

export class ConnectionEnded extends Error {
  constructor() {
    super('the connection ended')
  }
}
