/**
 * Messages of Protocol Buffers that are encoded by hand: those of which a link has hundreds of thousands of fields, or hundreds of megabytes of bytes, for which a general codec takes
 * more of the linker's thread than all else takes. Sizes are computed first, so that everything is written once, into one buffer.
 */
import type { Digest } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

/** A tag says the number of a field and how it is written: as a number, or as a length and so many bytes. */
export const numberTag = (field: number): number => field << 3
export const bytesTag = (field: number): number => (field << 3) | 2

const HASH = bytesTag(1)
const SIZE_BYTES = numberTag(2)

/** Of a field of one byte of tag with so many bytes. */
export function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length
}

export function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

/** What has its default value is not written: the size of what is empty. */
export function digestBytes({ hash, sizeBytes }: Digest): number {
  return fieldBytes(hash.length) + (sizeBytes === 0 ? 0 : 1 + varintBytes(sizeBytes))
}

export class MessageWriter {
  readonly #bytes: Buffer
  #at = 0

  /** `into`: memory that is used again, if it is large enough. */
  constructor(sizeBytes: number, into?: Buffer) {
    this.#bytes =
      into !== undefined && into.length >= sizeBytes ? into.subarray(0, sizeBytes) : Buffer.allocUnsafe(sizeBytes)
  }

  /** A tag and a number, or the length of what follows. */
  field(tag: number, value: number): void {
    this.#bytes[this.#at++] = tag
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#at++] = (rest % 0x80) | 0x80
    this.#bytes[this.#at++] = rest
  }

  text(tag: number, text: string): void {
    this.field(tag, Buffer.byteLength(text))
    this.#at += this.#bytes.write(text, this.#at)
  }

  digest(tag: number, digest: Digest): void {
    this.field(tag, digestBytes(digest))
    this.text(HASH, digest.hash)
    if (digest.sizeBytes > 0) this.field(SIZE_BYTES, digest.sizeBytes)
  }

  raw(part: Uint8Array): void {
    this.#bytes.set(part, this.#at)
    this.#at += part.length
  }

  /** All of it must have been written. */
  done(): Buffer {
    if (this.#at !== this.#bytes.length) throw new Error(`a message of ${this.#bytes.length} bytes has ${this.#at}`)
    return this.#bytes
  }
}
