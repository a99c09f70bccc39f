import { createHash, webcrypto } from 'node:crypto'
import type { ContentLease, JobContent } from '../distributors/interface.js'
import { takeTurn } from '../distributors/turns.js'
import { DtltoError } from '../errors.js'

/**
 * Larger contents are hashed on another thread. That needs a copy (Web Crypto takes none in parts, and views on lld's memory may go), which takes as long as hashing where
 * the processor has instructions for SHA-256, 0.5 ms a MiB, and a fourth of that where it has none.
 */
const LARGE_BYTES = 1024 * 1024

/** Contents of a link. Bytes are fetched when somebody asks for them, and a digest is computed once. */
export class LinkContent implements JobContent {
  readonly id: string
  readonly #fetch: () => readonly Uint8Array[]
  #parts: readonly Uint8Array[] | undefined
  /** Kept: views on lld's memory have length 0 when lld goes on. */
  #sizeBytes = 0
  #digest: Promise<string> | undefined

  constructor(id: string, fetch: () => readonly Uint8Array[]) {
    this.id = id
    this.#fetch = fetch
  }

  get sizeBytes(): number {
    if (this.#parts === undefined) this.#bytesOf()
    return this.#sizeBytes
  }

  digest(): Promise<string> {
    return (this.#digest ??= digestOf(this.#bytesOf(), this.#sizeBytes))
  }

  lease(): ContentLease {
    return { parts: this.#bytesOf(), release: () => undefined }
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#bytesOf())
  }

  /** Throws DTLTO_CANCELLED when lld has its memory back: nobody takes what is left of the views for the content. */
  #bytesOf(): readonly Uint8Array[] {
    const isFirst = this.#parts === undefined
    const parts = (this.#parts ??= this.#fetch())
    const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
    if (isFirst) this.#sizeBytes = sizeBytes
    if (sizeBytes !== this.#sizeBytes)
      throw new DtltoError('DTLTO_CANCELLED', 'the link does not wait for backend jobs any more: their bytes are gone')
    return parts
  }
}

async function digestOf(parts: readonly Uint8Array[], sizeBytes: number): Promise<string> {
  if (sizeBytes > LARGE_BYTES) {
    const digest = await webcrypto.subtle.digest('SHA-256', Buffer.concat(parts))
    return Buffer.from(digest).toString('hex')
  }
  await takeTurn()
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
