import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { JobFile } from '../distributors/interface.js'

const STEP_BYTES = 1024 ** 2

/** Bytes that several jobs may share under different names; pieces are fetched when asked for, the digest is computed once. */
export class JobContent {
  readonly #fetch: () => readonly Uint8Array[]
  #parts: readonly Uint8Array[] | undefined
  #digest: string | undefined

  constructor(fetch: () => readonly Uint8Array[]) {
    this.#fetch = fetch
  }

  parts(): readonly Uint8Array[] {
    this.#parts ??= this.#fetch()
    return this.#parts
  }

  get sizeBytes(): number {
    return this.parts().reduce((sum, part) => sum + part.byteLength, 0)
  }

  bytes(): Uint8Array {
    const parts = this.parts()
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
  }

  /** Computes the digest without holding up the event loop for long: a step hashes a megabyte, a few milliseconds. */
  async computeDigest(): Promise<void> {
    if (this.#digest !== undefined) return
    const hash = createHash('sha256')
    for (const part of this.parts()) {
      for (let at = 0; at < part.byteLength; at += STEP_BYTES) {
        hash.update(part.subarray(at, at + STEP_BYTES))
        await setImmediate()
      }
    }
    this.#digest = hash.digest('hex')
  }

  digest(): string {
    if (this.#digest === undefined) {
      const hash = createHash('sha256')
      for (const part of this.parts()) hash.update(part)
      this.#digest = hash.digest('hex')
    }
    return this.#digest
  }

  named(name: string): JobFile {
    return {
      name,
      sizeBytes: this.sizeBytes,
      parts: () => this.parts(),
      bytes: () => this.bytes(),
      digest: () => this.digest(),
    }
  }
}
