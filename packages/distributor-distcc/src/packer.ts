import { setImmediate as nextTurn } from 'node:timers/promises'
import { BufferPool } from './buffer-pool.js'
import { lzo1xCompress } from './lzo1x-encode.js'
import { PackedContent } from './packed-content.js'
import { encodeRequest, MAX_BODY_BYTES, type RequestFile } from './request.js'
import type { WireJob } from './wire-job.js'

/** A request that is sent. */
export interface PackedRequest {
  readonly parts: readonly Uint8Array[]
  /** Nobody reads the parts any more: to be called once. */
  readonly release: () => void
}

/** What is kept of the buffers of requests that were sent. */
const POOL_BYTES = 64 * 1024 * 1024
/** After compressing this many bytes others have their turn. */
const STRETCH_BYTES = 2 * 1024 * 1024

/**
 * Makes requests out of jobs. A module is imported by many others, so what was compressed of it is kept, up to `budgetBytes`; the module that was not used
 * for longest goes first.
 */
export class Packer {
  readonly #budgetBytes: number
  /** `bytes`: of it, as counted. */
  readonly #kept = new Map<string, { readonly packed: PackedContent; readonly bytes: number }>()
  #keptBytes = 0
  readonly #pool = new BufferPool(POOL_BYTES)
  /** Bytes of files before compression, of those what was compressed for them, and sent; for the trace. */
  readonly totals = { files: 0, plainBytes: 0, packedBytes: 0, sentBytes: 0 }

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  /** The request of `job` for a server whose compiler is called `compiler`. Rejects with the signal's reason when aborted. */
  async pack(job: WireJob, compiler: string, signal: AbortSignal): Promise<PackedRequest> {
    const pooled: Uint8Array[] = []
    const files: RequestFile[] = []
    let stretch = 0
    const onPacked = (bytes: number): Promise<void> | undefined => {
      this.totals.packedBytes += bytes
      stretch += bytes
      if (stretch < STRETCH_BYTES) return undefined
      stretch = 0
      return nextTurn()
    }
    for (const { name, content, unread, shared } of job.files) {
      signal.throwIfAborted()
      if (content.sizeBytes === 0) {
        files.push({ name, compressed: new Uint8Array(0) })
        continue
      }
      const ranges = await unread?.()
      const packed = (shared ? this.#kept.get(content.id)?.packed : undefined) ?? new PackedContent(content)
      const compressed = await packed.pack(ranges, onPacked, this.#pool)
      pooled.push(compressed)
      if (shared) this.#keep(content.id, packed)
      this.totals.files++
      this.totals.plainBytes += content.sizeBytes
      this.totals.sentBytes += compressed.length
      files.push({ name, compressed })
    }
    signal.throwIfAborted()
    const { name, text } = job.responseFile
    files.push({ name, compressed: lzo1xCompress(Buffer.from(text)) })
    const { workingDirectory, args } = job
    return {
      parts: encodeRequest({ workingDirectory, argv: [compiler, ...args], files }),
      release: () => {
        for (const buffer of pooled) this.#pool.give(buffer)
      },
    }
  }

  #keep(id: string, packed: PackedContent): void {
    const before = this.#kept.get(id)
    this.#keptBytes += packed.keptBytes - (before?.bytes ?? 0)
    this.#kept.delete(id)
    this.#kept.set(id, { packed, bytes: packed.keptBytes })
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#keptBytes <= this.#budgetBytes) return
      this.#kept.delete(oldest)
      this.#keptBytes -= bytes
    }
  }
}

/** True if no file of `job` is too large for the protocol, however badly it compresses. */
export function fitsProtocol(job: WireJob): boolean {
  return job.files.every(({ content }) => content.sizeBytes <= MAX_BODY_BYTES * 0.9)
}
