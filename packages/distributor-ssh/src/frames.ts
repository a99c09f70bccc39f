/** The frames of `dtlto-codegen --serve-many`, pure. The format stands at the head of packages/native/src/codegen_server.cpp. */

const FRAME_BYTES = 16

export function frame(kind: 'JOB.' | 'STOP' | 'PING', number: number): Buffer {
  const bytes = Buffer.alloc(FRAME_BYTES)
  bytes.write(kind, 'latin1')
  bytes.writeUInt32LE(number, 4)
  return bytes
}

export type FrameKind = 'DONE' | 'DIED' | 'PONG'

export interface FrameReader {
  /** Throws for a frame that cannot be. */
  begin(kind: FrameKind, number: number, sizeBytes: number): void
  /** Pieces of what follows, as they come. */
  piece(bytes: Buffer): void
  end(): void
}

/** Cuts a stream, in chunks of any size, into frames. */
export class Frames {
  readonly #reader: FrameReader
  #head: Buffer = Buffer.alloc(0)
  /** Of the frame that is being read; undefined between frames. */
  #left: number | undefined

  constructor(reader: FrameReader) {
    this.#reader = reader
  }

  /** Throws for bytes that are no frames. */
  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left === undefined) {
        const take = FRAME_BYTES - this.#head.length
        this.#head = Buffer.concat([this.#head, rest.subarray(0, take)])
        rest = rest.subarray(take)
        if (this.#head.length < FRAME_BYTES) return
        this.#begin(this.#head)
        this.#head = Buffer.alloc(0)
      } else {
        const piece = rest.subarray(0, this.#left)
        rest = rest.subarray(piece.length)
        this.#left -= piece.length
        this.#reader.piece(piece)
      }
      if (this.#left === 0) {
        this.#left = undefined
        this.#reader.end()
      }
    }
  }

  #begin(head: Buffer): void {
    const kind = head.toString('latin1', 0, 4)
    if (kind !== 'DONE' && kind !== 'DIED' && kind !== 'PONG') throw new Error('bytes that are no frame')
    const sizeBytes = Number(head.readBigUInt64LE(8))
    this.#reader.begin(kind, head.readUInt32LE(4), sizeBytes)
    this.#left = sizeBytes
  }
}

/** What a machine tells of itself in a PONG. */
export interface Facts {
  readonly cpus: number
  /** Of this connection. */
  readonly jobs: number
  /** Threads of the whole machine that can run just now; undefined where the system does not tell. */
  readonly runnable: number | undefined
  /** The load average of the last minute. */
  readonly load: number | undefined
}

/** `cpus 16 jobs 3 runnable 5 load 3.21`. Throws for other text. */
export function parseFacts(text: string): Facts {
  const words = text.split(' ')
  const numbers = new Map<string, number>()
  for (let i = 0; i + 1 < words.length; i += 2) numbers.set(words[i] ?? '', Number(words[i + 1]))
  const [cpus, jobs] = [numbers.get('cpus'), numbers.get('jobs')]
  if (cpus === undefined || jobs === undefined || [...numbers.values()].some((value) => !(value >= 0)))
    throw new Error('facts that are none')
  return { cpus: Math.max(1, cpus), jobs, runnable: numbers.get('runnable'), load: numbers.get('load') }
}
