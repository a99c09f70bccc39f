import { takeTurn, type UnreadRanges } from 'dtlto/plugin'
import { BufferPool } from './buffer-pool.js'
import { roomForRequests } from './byte-budget.js'
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
const POOL_BYTES = 32 * 1024 * 1024
/** After compressing this many bytes others have their turn. */
const STRETCH_BYTES = 1024 * 1024

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
  readonly #room = roomForRequests()
  /** Bytes of files before compression, of those what was compressed for them, and sent; for the trace. */
  readonly totals = { files: 0, plainBytes: 0, packedBytes: 0, sentBytes: 0 }

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  /**
   * The request of `job` for a server whose compiler is called `compiler`, when there is room for it. Rejects with the signal's reason when aborted.
   */
  async pack(job: WireJob, compiler: string, signal: AbortSignal): Promise<PackedRequest> {
    signal.throwIfAborted()
    const unread = await Promise.all(job.files.map(async (file) => file.unread?.()))
    const giveRoom = await this.#room.acquire(bytesToSend(job, unread))
    const pooled: Uint8Array[] = []
    const release = (): void => {
      for (const buffer of pooled) this.#pool.give(buffer)
      giveRoom()
    }
    try {
      return { parts: await this.#pack(job, unread, compiler, signal, pooled), release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** `pooled`: where the buffers go that are taken from the pool. */
  async #pack(
    job: WireJob,
    unread: readonly (UnreadRanges | undefined)[],
    compiler: string,
    signal: AbortSignal,
    pooled: Uint8Array[],
  ): Promise<readonly Uint8Array[]> {
    const files: RequestFile[] = []
    let stretch = 0
    const onPacked = (bytes: number): Promise<void> | undefined => {
      this.totals.packedBytes += bytes
      stretch += bytes
      if (stretch < STRETCH_BYTES) return undefined
      stretch = 0
      return takeTurn()
    }
    for (const [i, { name, content, shared }] of job.files.entries()) {
      signal.throwIfAborted()
      if (content.sizeBytes === 0) {
        files.push({ name, compressed: new Uint8Array(0) })
        continue
      }
      await takeTurn()
      const packed = (shared ? this.#kept.get(content.id)?.packed : undefined) ?? new PackedContent(content)
      const compressed = await packed.pack(unread[i], onPacked, this.#pool)
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
    return encodeRequest({ workingDirectory, argv: [compiler, ...args], files })
  }

  /** Lets go of what is kept. */
  clear(): void {
    this.#kept.clear()
    this.#keptBytes = 0
    this.#pool.clear()
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

/** Before compression, which saves a sixth or more. */
function bytesToSend(job: WireJob, unread: readonly (UnreadRanges | undefined)[]): number {
  let bytes = 0
  for (const [i, { content }] of job.files.entries()) {
    bytes += content.sizeBytes
    const ranges = unread[i] ?? []
    for (let size = 1; size < ranges.length; size += 3) bytes -= ranges[size] as number
  }
  return bytes
}

/** True if no file of `job` is too large for the protocol, however badly it compresses. */
export function fitsProtocol(job: WireJob): boolean {
  return job.files.every(({ content }) => content.sizeBytes <= MAX_BODY_BYTES * 0.9)
}
