/**
 * The content-addressable storage, as one link uses it. Each blob is asked for once and sent once, whichever jobs need it: what is known to be there, or on
 * its way, is not asked for again. Uploads belong to the link, not to the job that was the first to need them.
 */
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { BufferPool } from 'dtlto/plugin'
import { type Blob, chunksOf, partsOf } from './blob.js'
import { Batches } from './batches.js'
import type { Compression } from './compression.js'
import { Compressor_Value, type Digest } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { WriteRequest } from './generated/google/bytestream/bytestream.js'
import type { Channel } from './grpc/channel.js'
import { BATCH_UPDATE_BLOBS, FIND_MISSING_BLOBS, WRITE } from './grpc/methods.js'
import { retrying } from './grpc/retry.js'
import { CODE, RpcError } from './grpc/status.js'
import { Reads } from './reads.js'
import { batchUpdateRequest, dataBytes, findMissingRequest, type SentBlob } from './store-requests.js'
import {
  BATCH_BYTES,
  BLOB_OVERHEAD,
  BLOBS_A_BATCH,
  callOf,
  REFUSES_BATCHES,
  resourceName,
  type StoreFacts,
} from './store-calls.js'

const BATCHES_AT_ONCE = 6
const FIND_AT_ONCE = 2
const DIGESTS_A_QUESTION = 10_000
const STREAMS_AT_ONCE = 4
const CHUNK_BYTES = 512 * 1024
const COMPRESSED_CHUNK_BYTES = 2 * 1024 ** 2

export interface StoreTotals {
  askedBlobs: number
  sentBlobs: number
  sentBytes: number
}

export class Store {
  readonly totals: StoreTotals = { askedBlobs: 0, sentBlobs: 0, sentBytes: 0 }
  readonly #channel: Channel
  readonly #facts: StoreFacts
  readonly #reads: Reads
  readonly #compression: Compression
  /** By hash. */
  readonly #there = new Map<string, Upload>()
  readonly #find: Batches<Digest, boolean>
  readonly #update: Batches<Blob, undefined>
  readonly #streams: Batches<Blob, undefined>
  /** Of requests, while some are under way: fresh memory costs a page fault for each 4 KiB. */
  readonly #memory = new BufferPool(BATCHES_AT_ONCE * BATCH_BYTES)
  #sending = 0
  /** Blobs that servers have refused to take in a batch go alone. */
  #batchBytes = BATCH_BYTES

  constructor(channel: Channel, facts: StoreFacts, compression: Compression) {
    this.#channel = channel
    this.#facts = facts
    this.#compression = compression
    this.#reads = new Reads(channel, facts, compression)
    this.#find = new Batches({ atOnce: FIND_AT_ONCE, items: DIGESTS_A_QUESTION, weight: Infinity }, (digests) =>
      this.#findMissing(digests),
    )
    this.#update = new Batches({ atOnce: BATCHES_AT_ONCE, items: BLOBS_A_BATCH, weight: BATCH_BYTES }, (blobs) =>
      this.#sendBatch(blobs),
    )
    this.#streams = new Batches({ atOnce: STREAMS_AT_ONCE, items: 1, weight: Infinity }, async ([blob]) => {
      await this.#write(blob as Blob)
      return [undefined]
    })
    setMaxListeners(0, facts.signal)
  }

  /** `bytes`: max_batch_total_size_bytes of the server's capabilities; 0: it does not say. */
  limitBatches(bytes: number): void {
    if (bytes <= 0 || bytes >= this.#batchBytes) return
    this.#batchBytes = bytes
    this.#update.limits = { ...this.#update.limits, weight: bytes }
    this.#reads.limitBatches(bytes)
  }

  get receivedBytes(): number {
    return this.#reads.bytes
  }

  /** Resolves when all of them are there, to how many had to be sent. `precedence`: those of the highest are sent first. Default: before all. */
  async ensure(blobs: readonly Blob[], precedence = Infinity): Promise<number> {
    const asked = await Promise.all(blobs.flatMap((blob) => this.#ensure(blob, precedence) ?? []))
    return asked.filter((wasSent) => wasSent).length
  }

  /** The server has lost these: they are asked for again when somebody needs them. */
  forget(hashes: Iterable<string>): void {
    for (const hash of hashes) this.#there.delete(hash)
  }

  /** The bytes, which have been compared with their digest. Rejects with RpcError NOT_FOUND if they are gone, DATA_LOSS if they are others. */
  read(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    return this.#reads.read(digest, signal)
  }

  /** Undefined: it is known to be there. */
  #ensure(blob: Blob, precedence: number): Promise<boolean> | undefined {
    const { hash, sizeBytes } = blob.digest
    if (sizeBytes === 0) return undefined
    const known = this.#there.get(hash)
    if (known?.isDone === true) return undefined
    if (known !== undefined) {
      if (known.precedence < precedence) known.raise((known.precedence = precedence))
      return known.done
    }
    const upload: Upload = { done: Promise.resolve(false), isDone: false, precedence, raise: () => undefined }
    upload.done = this.#upload(blob, upload)
    this.#there.set(hash, upload)
    upload.done.then(
      () => (upload.isDone = true),
      // Whoever needs it next tries again.
      () => {
        if (this.#there.get(hash) === upload) this.#there.delete(hash)
      },
    )
    return upload.done
  }

  /** Resolves to whether it had to be sent. */
  async #upload(blob: Blob, upload: Upload): Promise<boolean> {
    const { digest } = blob
    this.totals.askedBlobs++
    upload.raise = (precedence) => this.#find.raise(digest, precedence)
    if (!(await this.#find.add(digest, 1, upload.precedence))) return false
    const weight = weightOf(blob)
    const isForBatch =
      weight <= this.#batchBytes && (this.#compression.inBatches() || !this.#compression.inStream(blob))
    const batches = isForBatch ? this.#update : this.#streams
    upload.raise = (precedence) => batches.raise(blob, precedence)
    await batches.add(blob, isForBatch ? weight : 1, upload.precedence)
    this.totals.sentBlobs++
    return true
  }

  /** For each, whether it is missing. */
  async #findMissing(blobDigests: readonly Digest[]): Promise<boolean[]> {
    const { instanceName, signal } = this.#facts
    const request = findMissingRequest(instanceName, blobDigests)
    const { missingBlobDigests } = await retrying(signal, () =>
      this.#channel.unary(FIND_MISSING_BLOBS, request, callOf(this.#facts)),
    )
    const missing = new Set(missingBlobDigests.map(({ hash }) => hash))
    return blobDigests.map(({ hash }) => missing.has(hash))
  }

  async #sendBatch(blobs: readonly Blob[]): Promise<undefined[]> {
    const compression = this.#compression.inBatches() ? this.#compression : undefined
    const { signal } = this.#facts
    const { memory, request, sentBytes } = await this.#encode(blobs, compression)
    this.#sending++
    const send = () =>
      retrying(signal, () => this.#channel.unary(BATCH_UPDATE_BLOBS, request, callOf(this.#facts, sentBytes)))
    let refused = new Set<string>()
    try {
      const { responses } = await this.#compression.timed(() => sentBytes, send)
      const taken = new Set(responses.flatMap(({ digest, status }) => (digest && !status?.code ? [digest.hash] : [])))
      refused = new Set(blobs.map(({ digest }) => digest.hash).filter((hash) => !taken.has(hash)))
      this.totals.sentBytes += sentBytes
    } catch (error) {
      if (compression?.mayBeRefusal(error)) {
        compression.refused()
        return await this.#sendBatch(blobs)
      }
      // Too large for this server, whatever it has said; or it has no batches at all.
      if (!(error instanceof RpcError) || !REFUSES_BATCHES.has(error.code)) throw error
      refused = new Set(blobs.map(({ digest }) => digest.hash))
    } finally {
      this.#memory.give(memory)
      if (--this.#sending === 0) this.#memory.clear()
    }
    await Promise.all(blobs.filter(({ digest }) => refused.has(digest.hash)).map((blob) => this.#streams.add(blob)))
    return blobs.map(() => undefined)
  }

  async #encode(
    blobs: readonly Blob[],
    compression: Compression | undefined,
  ): Promise<{ readonly memory: Uint8Array; readonly request: Buffer; readonly sentBytes: number }> {
    const read = await Promise.allSettled(blobs.map((blob) => sentBlob(blob, compression)))
    const sent = read.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    try {
      for (const each of read) if (each.status === 'rejected') throw each.reason
      const memory = this.#memory.take(blobs.reduce((sum, blob) => sum + weightOf(blob), 0))
      const request = batchUpdateRequest(this.#facts.instanceName, sent, Buffer.from(memory.buffer))
      return { memory, request, sentBytes: sent.reduce((sum, blob) => sum + dataBytes(blob), 0) }
    } finally {
      for (const { release } of sent) release()
    }
  }

  async #write(blob: Blob): Promise<void> {
    const compression = this.#compression.inStream(blob) ? this.#compression : undefined
    const { signal } = this.#facts
    const { sizeBytes } = blob.digest
    const options = callOf(this.#facts, sizeBytes)
    const send = async (): Promise<void> => {
      const begun = (): BlobStream => new BlobStream(blob, this.#facts.instanceName, compression)
      let stream = begun()
      const { committedSize } = await this.#compression.timed(
        () => stream.sentBytes,
        () => this.#channel.clientStream(WRITE, () => (stream = begun()).requests(), options),
      )
      this.totals.sentBytes += stream.sentBytes
      if (stream.mayHaveBeen(committedSize)) return
      throw new RpcError(
        CODE.INTERNAL,
        `the server has taken ${committedSize} of ${stream.sentBytes} bytes of the blob ${blob.digest.hash}`,
      )
    }
    try {
      await retrying(signal, send)
    } catch (error) {
      if (error instanceof RpcError && error.code === CODE.ALREADY_EXISTS) return
      if (!compression?.mayBeRefusal(error)) throw error
      compression.refused()
      await this.#write(blob)
    }
  }
}

/** In a batch: bytes of its request, uncompressed, at most. */
function weightOf({ digest }: Blob): number {
  return digest.sizeBytes + BLOB_OVERHEAD
}

/** `release`: the parts are not read any more. */
async function sentBlob(
  blob: Blob,
  compression: Compression | undefined,
): Promise<SentBlob & { readonly release: () => void }> {
  const { digest } = blob
  const { parts, release } = await partsOf(blob)
  if (compression === undefined) return { digest, parts, compressor: Compressor_Value.IDENTITY, release }
  try {
    const compressed = await compression.compress(Buffer.concat(parts))
    return { digest, parts: [compressed], compressor: Compressor_Value.ZSTD, release: () => undefined }
  } finally {
    release()
  }
}

/** Of a blob, by the link. */
interface Upload {
  /** Resolves when the server has it, to whether it had to be sent. */
  done: Promise<boolean>
  isDone: boolean
  /** Of all who need it, the highest. */
  precedence: number
  /** Moves it forward where it waits. */
  raise: (precedence: number) => void
}

/** A blob on its way by ByteStream. */
class BlobStream {
  /** As they go over the wire. */
  sentBytes = 0
  readonly #blob: Blob
  readonly #name: string
  readonly #compression: Compression | undefined
  #isWhole = false

  constructor(blob: Blob, instanceName: string, compression: Compression | undefined) {
    this.#blob = blob
    this.#compression = compression
    const kind = compression ? 'compressed-blobs/zstd' : 'blobs'
    this.#name = resourceName(instanceName, `uploads/${randomUUID()}/${kind}`, blob.digest)
  }

  /** Compressed, each chunk is a frame: so no more than a chunk is in memory. */
  async *requests(): AsyncGenerator<WriteRequest> {
    let read = 0
    for await (const chunk of chunksOf(this.#blob, this.#compression ? COMPRESSED_CHUNK_BYTES : CHUNK_BYTES)) {
      read += chunk.length
      const data = this.#compression ? await this.#compression.compress(chunk) : chunk
      const at = this.sentBytes
      this.sentBytes += data.length
      this.#isWhole = read === this.#blob.digest.sizeBytes
      yield { resourceName: at === 0 ? this.#name : '', writeOffset: at, finishWrite: this.#isWhole, data }
    }
  }

  /** -1: somebody else has uploaded it meanwhile, as some servers say it; of a compressed blob others name the size of their own form of it. */
  mayHaveBeen(committedSize: number): boolean {
    if (committedSize === -1) return true
    if (this.#compression === undefined) return committedSize === this.#blob.digest.sizeBytes
    return committedSize === this.sentBytes || !this.#isWhole
  }
}
