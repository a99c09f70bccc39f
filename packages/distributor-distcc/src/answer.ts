/**
 * Answers of distcc's protocol version 3, parsed as they arrive in chunks of any size.
 *
 *   DONE00000003
 *   STAT wait(2)-status
 *   SERR len LZO1X, SOUT len LZO1X, DOTO len LZO1X
 *
 * A DOTD token may follow with a list of dependencies, which IR never has. The server then closes.
 *
 * Every size is checked before anything is allocated: what a body announces, and what it says that it is decompressed. An answer beyond a limit is
 * no damage: it says so (`excess`), without what is too large, and nothing after that is read.
 */
import { lzo1x, mostObjectBytes } from 'dtlto/plugin'

export interface Answer {
  /** As wait(2) gives it: the exit code in bits 8 to 15, a signal number in bits 0 to 6. */
  readonly status: number
  readonly stderr: string
  readonly stdout: string
  /** Empty when there is none. */
  readonly object: Uint8Array
  /** What is larger than the limits, and therefore left out. */
  readonly excess?: 'text' | 'object'
}

export interface AnswerLimits {
  /** Of stderr and stdout each, decompressed. */
  readonly textBytes: number
  /** Of the object, decompressed. */
  readonly objectBytes: number
}

/** More than any compiler says that has something to say; none of it is shown but the beginning. */
const TEXT_BYTES = 64 * 1024
export function answerLimits(bitcodeBytes: number): AnswerLimits {
  return { textBytes: TEXT_BYTES, objectBytes: mostObjectBytes(bitcodeBytes) }
}

/** The bytes received are not an answer of the protocol. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
}

const HEADER_BYTES = 12
const BODIES = ['SERR', 'SOUT', 'DOTO'] as const
type BodyName = (typeof BODIES)[number]

export class AnswerParser {
  readonly #limits: AnswerLimits
  #step: 'DONE' | 'STAT' | BodyName | 'end' = 'DONE'
  /** What the next bytes go to: a token, or the body that the last one announced. */
  #target = new Uint8Array(HEADER_BYTES)
  #filled = 0
  #isBody = false
  /** Size of the object for which there is no room yet. */
  #wantedBytes = 0
  /** Arrived, but not read: there is no room. */
  #rest: Uint8Array[] = []
  #status = 0
  #excess: Answer['excess']
  readonly #bodies = new Map<BodyName, Uint8Array>()
  #receivedBytes = 0

  constructor(limits: AnswerLimits) {
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

  /** Not 0: an object of so many bytes follows, for which there must be room before any more is pushed (texts are small). See `makeRoom`. */
  get wantedBytes(): number {
    return this.#wantedBytes
  }

  /** Takes the next bytes; they must not change while there is no room for them. Throws AnswerError; the parser is of no use then. */
  push(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length
    this.#read(chunk)
  }

  /** Allocates what `wantedBytes` says, and goes on. Throws AnswerError. */
  makeRoom(): void {
    this.#expect(this.#wantedBytes, true)
    this.#wantedBytes = 0
    for (const chunk of this.#rest.splice(0)) this.#read(chunk)
  }

  /**
   * The answer; `reserve` is called with the size of the object before that is allocated, and may wait. Rejects with AnswerError when the answer is
   * incomplete or damaged.
   */
  async finish(reserve: (objectBytes: number) => Promise<void> = () => Promise.resolve()): Promise<Answer> {
    if (!this.complete) {
      throw new AnswerError(`expected ${this.#step} but the answer ends after ${this.#receivedBytes} bytes`)
    }
    const stderr = await this.#text('SERR')
    const stdout = await this.#text('SOUT')
    const object = await this.#decompressed('DOTO', reserve)
    this.#bodies.clear()
    const excess = this.#excess
    return { status: this.#status, stderr, stdout, object, ...(excess !== undefined && { excess }) }
  }

  #read(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length && !this.complete) {
      if (this.#wantedBytes > 0) {
        this.#rest.push(chunk.subarray(at))
        return
      }
      const count = Math.min(this.#target.length - this.#filled, chunk.length - at)
      this.#target.set(chunk.subarray(at, at + count), this.#filled)
      this.#filled += count
      at += count
      if (this.#filled === this.#target.length) this.#advance()
    }
  }

  #expect(bytes: number, isBody: boolean): void {
    this.#target = new Uint8Array(bytes)
    this.#filled = 0
    this.#isBody = isBody
  }

  #advance(): void {
    if (this.#isBody) {
      this.#bodies.set(this.#step as BodyName, this.#target)
      return this.#afterBody()
    }
    const value = this.#tokenValue()
    this.#expect(HEADER_BYTES, false)
    switch (this.#step) {
      case 'DONE':
        if (value !== 3) throw new AnswerError(`expected an answer of protocol 3 but received ${value}`)
        this.#step = 'STAT'
        return
      case 'STAT':
        this.#status = value
        this.#step = 'SERR'
        return
      case 'SERR':
      case 'SOUT':
      case 'DOTO':
        if (value === 0) return this.#afterBody()
        if (value > largestBlock(this.#limitOf(this.#step))) return this.#exceeds(this.#step)
        // Whoever had room for a text and waited for the object's would wait for itself.
        if (this.#step === 'DOTO') this.#wantedBytes = value
        else this.#expect(value, true)
        return
      case 'end':
        return
    }
  }

  #afterBody(): void {
    this.#step = BODIES[BODIES.indexOf(this.#step as BodyName) + 1] ?? 'end'
    this.#expect(HEADER_BYTES, false)
  }

  #limitOf(body: BodyName): number {
    return body === 'DOTO' ? this.#limits.objectBytes : this.#limits.textBytes
  }

  #exceeds(body: BodyName): void {
    this.#excess ??= body === 'DOTO' ? 'object' : 'text'
    this.#step = 'end'
  }

  #tokenValue(): number {
    const header = Buffer.from(this.#target).toString('latin1')
    const digits = header.slice(4)
    if (header.slice(0, 4) !== this.#step || !/^[0-9a-f]{8}$/i.test(digits)) {
      throw new AnswerError(`expected a ${this.#step} token but received ${JSON.stringify(header)}`)
    }
    return Number.parseInt(digits, 16)
  }

  async #text(name: 'SERR' | 'SOUT'): Promise<string> {
    return Buffer.from(await this.#decompressed(name)).toString()
  }

  /** Takes note of a block that is too large. */
  async #decompressed(name: BodyName, reserve?: (bytes: number) => Promise<void>): Promise<Uint8Array> {
    const body = this.#bodies.get(name)
    if (body === undefined) return new Uint8Array(0)
    let bytes: Uint8Array | undefined
    try {
      bytes = await lzo1x().decompress(body, this.#limitOf(name), reserve)
    } catch (error) {
      throw new AnswerError(`${name} cannot be decompressed: ${(error as Error).message}`, { cause: error })
    }
    if (bytes === undefined) this.#exceeds(name)
    return bytes ?? new Uint8Array(0)
  }
}

/** Of so many bytes, if they do not compress at all. */
function largestBlock(bytes: number): number {
  return bytes + Math.ceil(bytes / 16) + 67
}
