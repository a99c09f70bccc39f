import { BufferPool, ByteBudget, lzo1x, type PackedPieces, takeTurn, type UnreadRanges } from 'dtlto/plugin'
import { roomForRequests } from './rooms.js'
import { encodeRequest, MAX_BODY_BYTES, type RequestFile } from './request.js'
import type { WireJob } from './wire-job.js'

/** A request that is sent. */
export interface PackedRequest {
  readonly parts: readonly Uint8Array[]
  /** Nobody reads the parts any more: to be called once. Empties them. */
  readonly release: () => void
}

/** Jobs that are packed at a time: further ones would hold memory while they wait for a thread. */
const PACKED_AT_ONCE = 2
/** What is kept of the buffers of requests that were sent. */
const POOL_BYTES = 32 * 1024 * 1024

/**
 * Makes requests out of jobs. A module is imported by many others, so what was compressed of it is kept, up to `budgetBytes`; the module that was not used
 * for longest goes first.
 */
export class Packer {
  readonly #budgetBytes: number
  /** By the ids of contents, the last used one last. `bytes`: of it, as counted. */
  readonly #kept = new Map<string, { readonly pieces: PackedPieces; readonly bytes: number }>()
  #keptBytes = 0
  readonly #pool = new BufferPool(POOL_BYTES)
  readonly #room = roomForRequests()
  readonly #packing = new ByteBudget(PACKED_AT_ONCE)
  /** Aborted when nothing is kept any more. */
  readonly #over = new AbortController()
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
    const mostBytes = job.files.map(({ content }, i) => lzo1x().mostBytes(content.sizeBytes, unread[i]))
    const giveRoom = await this.#room.acquire(mostBytes.reduce((sum, bytes) => sum + bytes, 0))
    const pooled: Uint8Array[] = []
    const parts: Uint8Array[] = []
    const release = (): void => {
      // Who waits for the answer holds these arrays, and not what was in them.
      parts.length = 0
      for (const buffer of pooled.splice(0)) this.#pool.give(buffer)
      giveRoom()
    }
    try {
      const files = await this.#inTurn(() => {
        signal.throwIfAborted()
        for (const bytes of mostBytes) pooled.push(this.#pool.take(bytes))
        return this.#packFiles(job, unread, pooled)
      })
      signal.throwIfAborted()
      const { name, text } = job.responseFile
      files.push({ name, compressed: lzo1x().compress(Buffer.from(text)) })
      const { workingDirectory, args } = job
      parts.push(...encodeRequest({ workingDirectory, argv: [compiler, ...args], files }))
      return { parts, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Compresses what nobody has needed yet of the contents that others need too, one after the other: so little is in memory besides what is kept. Rejects after `clear`. */
  async compressAhead(job: WireJob): Promise<void> {
    const { signal } = this.#over
    for (const { content, shared, unread } of job.files) {
      signal.throwIfAborted()
      if (!shared || content.sizeBytes === 0 || this.#kept.has(content.id)) continue
      const ranges = await unread?.()
      const bytes = lzo1x().mostBytes(content.sizeBytes, ranges)
      const giveRoom = await this.#room.acquire(bytes)
      const into = this.#pool.take(bytes)
      const lease = content.lease()
      try {
        await this.#inTurn(async () => {
          signal.throwIfAborted()
          const pieces = this.#piecesOf(content.id)
          const [packed] = await lzo1x().pack([{ parts: lease.parts, unread: ranges, pieces, into }])
          this.#count(content.id, pieces)
          this.totals.packedBytes += packed?.compressedBytes ?? 0
        })
      } finally {
        lease.release()
        this.#pool.give(into)
        giveRoom()
      }
    }
  }

  async #inTurn<T>(pack: () => Promise<T>): Promise<T> {
    const packed = await this.#packing.acquire(1)
    try {
      await takeTurn()
      return await pack()
    } finally {
      packed()
    }
  }

  /** On another thread, all of a job in one go. `buffers`: a file's block goes into each. */
  async #packFiles(
    job: WireJob,
    unread: readonly (UnreadRanges | undefined)[],
    buffers: readonly Uint8Array[],
  ): Promise<RequestFile[]> {
    const leases = job.files.map(({ content }) => content.lease())
    try {
      const contents = job.files.map(({ content, shared }, i) => ({
        parts: leases[i]?.parts ?? [],
        unread: unread[i],
        pieces: shared ? this.#piecesOf(content.id) : undefined,
        into: buffers[i] as Uint8Array,
      }))
      const blocks = await lzo1x().pack(contents)
      return blocks.map(({ block, compressedBytes }, i) => {
        const { name, content } = job.files[i] as WireJob['files'][number]
        const pieces = contents[i]?.pieces
        if (pieces !== undefined) this.#count(content.id, pieces)
        if (content.sizeBytes > 0) this.totals.files++
        this.totals.plainBytes += content.sizeBytes
        this.totals.packedBytes += compressedBytes
        this.totals.sentBytes += block.length
        return { name, compressed: block }
      })
    } finally {
      for (const lease of leases) lease.release()
    }
  }

  /** Few requests are going to come. */
  keepNoBuffers(): void {
    this.#pool.keepNone()
  }

  /** Lets go of what is kept. */
  clear(): void {
    this.#over.abort()
    for (const { pieces } of this.#kept.values()) pieces.forget()
    this.#kept.clear()
    this.#keptBytes = 0
    this.#pool.clear()
  }

  /** Those of a content, which is now the last used one. */
  #piecesOf(id: string): PackedPieces {
    const kept = this.#kept.get(id) ?? { pieces: lzo1x().pieces(), bytes: 0 }
    this.#kept.delete(id)
    this.#kept.set(id, kept)
    return kept.pieces
  }

  #count(id: string, pieces: PackedPieces): void {
    const kept = this.#kept.get(id)
    // Left out while it was in use: what has been added since goes too.
    if (kept?.pieces !== pieces) return pieces.forget()
    const bytes = pieces.keptBytes
    this.#keptBytes += bytes - kept.bytes
    this.#kept.set(id, { pieces, bytes })
    for (const [oldest, { pieces, bytes }] of this.#kept) {
      if (this.#keptBytes <= this.#budgetBytes) return
      this.#kept.delete(oldest)
      this.#keptBytes -= bytes
      pieces.forget()
    }
  }
}

/** True if no file of `job` is too large for the protocol, however badly it compresses. */
export function fitsProtocol(job: WireJob): boolean {
  return job.files.every(({ content }) => content.sizeBytes <= MAX_BODY_BYTES * 0.9)
}
