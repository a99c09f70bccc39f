/**
 * Answers of distcc's protocol version 3, parsed as they arrive in chunks of any size.
 *
 *   DONE00000003
 *   STAT wait(2)-status
 *   SERR len LZO1X, SOUT len LZO1X, DOTO len LZO1X
 *
 * A DOTD token may follow with a list of dependencies, which IR never has. The server then closes.
 */
import { lzo1xDecompress, Lzo1xError } from './lzo1x-decode.js'
import { MAX_BODY_BYTES } from './request.js'

export interface Answer {
  /** As wait(2) gives it: the exit code in bits 8 to 15, a signal number in bits 0 to 6. */
  readonly status: number
  readonly stderr: string
  readonly stdout: string
  /** Empty when there is none. */
  readonly object: Uint8Array
}

export interface AnswerLimits {
  /** Of stderr and stdout each, decompressed. */
  readonly textBytes: number
  /** Of the object, decompressed. */
  readonly objectBytes: number
}

export const DEFAULT_LIMITS: AnswerLimits = { textBytes: 16 * 1024 * 1024, objectBytes: 2 ** 31 - 1 }

/** The bytes received are not an answer of the protocol. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
}

const HEADER_BYTES = 12
const BODIES = ['SERR', 'SOUT', 'DOTO'] as const
type BodyName = (typeof BODIES)[number]

export class AnswerParser {
  readonly #limits: AnswerLimits
  readonly #chunks: Uint8Array[] = []
  #available = 0
  #step: 'DONE' | 'STAT' | BodyName | 'end' = 'DONE'
  /** Length of the body being read; undefined while its token is awaited. */
  #bodyBytes: number | undefined
  #status = 0
  readonly #bodies = new Map<BodyName, Uint8Array>()
  #receivedBytes = 0

  constructor(limits: AnswerLimits = DEFAULT_LIMITS) {
    this.#limits = limits
  }

  /** Bytes received so far. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** What is awaited next, for error messages. */
  get awaiting(): string {
    return this.#step
  }

  /** True once all that an answer must hold has arrived. */
  get complete(): boolean {
    return this.#step === 'end'
  }

  /** Takes the next bytes; they must not change afterwards. Throws AnswerError; the parser is of no use then. */
  push(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length
    if (this.complete || chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#available += chunk.length
    // Each turn consumes one token or one body.
    while (!this.complete && this.#advance());
  }

  /** The answer. Throws AnswerError when it is incomplete, damaged or larger than the limits. */
  finish(): Answer {
    if (!this.complete) {
      throw new AnswerError(`expected ${this.#step} but the answer ends after ${this.#receivedBytes} bytes`)
    }
    const text = (name: BodyName): string => Buffer.from(this.#inflate(name, this.#limits.textBytes)).toString()
    return {
      status: this.#status,
      stderr: text('SERR'),
      stdout: text('SOUT'),
      object: this.#inflate('DOTO', this.#limits.objectBytes),
    }
  }

  #advance(): boolean {
    if (this.#bodyBytes !== undefined) {
      if (this.#available < this.#bodyBytes) return false
      const name = this.#step as BodyName
      this.#bodies.set(name, this.#take(this.#bodyBytes))
      this.#bodyBytes = undefined
      this.#step = BODIES[BODIES.indexOf(name) + 1] ?? 'end'
      return true
    }
    if (this.#available < HEADER_BYTES) return false
    const value = this.#takeToken()
    if (this.#step === 'DONE') {
      if (value !== 3) throw new AnswerError(`expected an answer of protocol 3 but received ${value}`)
      this.#step = 'STAT'
    } else if (this.#step === 'STAT') {
      this.#status = value
      this.#step = 'SERR'
    } else {
      if (value > MAX_BODY_BYTES)
        throw new AnswerError(`expected at most ${MAX_BODY_BYTES} bytes for ${this.#step} but received ${value}`)
      this.#bodyBytes = value
    }
    return true
  }

  #takeToken(): number {
    const header = Buffer.from(this.#take(HEADER_BYTES)).toString('latin1')
    const digits = header.slice(4)
    if (header.slice(0, 4) !== this.#step || !/^[0-9a-f]{8}$/i.test(digits)) {
      throw new AnswerError(`expected a ${this.#step} token but received ${JSON.stringify(header)}`)
    }
    return Number.parseInt(digits, 16)
  }

  /** The next `count` bytes that have arrived; a view where they came in one chunk. */
  #take(count: number): Uint8Array {
    this.#available -= count
    const first = this.#chunks[0]
    if (first !== undefined && first.length > count) {
      this.#chunks[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    let missing = count
    let used = 0
    const parts: Uint8Array[] = []
    while (missing > 0) {
      const chunk = this.#chunks[used] as Uint8Array
      if (chunk.length > missing) {
        parts.push(chunk.subarray(0, missing))
        this.#chunks[used] = chunk.subarray(missing)
        missing = 0
      } else {
        parts.push(chunk)
        missing -= chunk.length
        used++
      }
    }
    this.#chunks.splice(0, used)
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, count)
  }

  #inflate(name: BodyName, limitBytes: number): Uint8Array {
    const body = this.#bodies.get(name)
    if (body === undefined || body.length === 0) return new Uint8Array(0)
    try {
      return lzo1xDecompress(body, limitBytes)
    } catch (error) {
      if (!(error instanceof Lzo1xError)) throw error
      throw new AnswerError(`${name} cannot be decompressed: ${error.message}`, { cause: error })
    }
  }
}
