import { createHash, webcrypto } from 'node:crypto'
import type { ContentLease, JobContent } from '../distributors/interface.js'

/** Smaller contents are hashed at once: that takes less time than to ask another thread. */
const SMALL_BYTES = 32 * 1024

/** Contents of a link. Bytes are fetched when somebody asks for them, and a digest is computed once. */
export class LinkContent implements JobContent {
  readonly id: string
  readonly #fetch: () => readonly Uint8Array[]
  #parts: readonly Uint8Array[] | undefined
  #digest: Promise<string> | undefined

  constructor(id: string, fetch: () => readonly Uint8Array[]) {
    this.id = id
    this.#fetch = fetch
  }

  get sizeBytes(): number {
    return this.#bytesOf().reduce((sum, part) => sum + part.byteLength, 0)
  }

  digest(): Promise<string> {
    return (this.#digest ??= digestOf(this.#bytesOf(), this.sizeBytes))
  }

  lease(): ContentLease {
    return { parts: this.#bytesOf(), release: () => undefined }
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#bytesOf())
  }

  #bytesOf(): readonly Uint8Array[] {
    return (this.#parts ??= this.#fetch())
  }
}

async function digestOf(parts: readonly Uint8Array[], sizeBytes: number): Promise<string> {
  if (sizeBytes <= SMALL_BYTES) {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest('hex')
  }
  const digest = await webcrypto.subtle.digest('SHA-256', Buffer.concat(parts))
  return Buffer.from(digest).toString('hex')
}
