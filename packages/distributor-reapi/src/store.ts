/**
 * The content-addressable storage, as one link uses it. Each blob is asked for once and sent once, whichever jobs need it: what is known to be there, or on
 * its way, is not asked for again. Uploads belong to the link, not to the job that was the first to need them.
 */
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { type Blob, chunksOf, digestOf, wholeBlob } from './blob.js'
import { Batches } from './batches.js'
import { type Digest, DigestFunction_Value } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { WriteRequest } from './generated/google/bytestream/bytestream.js'
import type { Channel } from './grpc/channel.js'
import { BATCH_READ_BLOBS, BATCH_UPDATE_BLOBS, FIND_MISSING_BLOBS, READ, WRITE } from './grpc/methods.js'
import { retrying } from './grpc/retry.js'
import { CODE, RpcError } from './grpc/status.js'

/** gRPC servers read messages of 4 MiB, unless told otherwise. Half of it keeps what is in flight small. */
const BATCH_BYTES = 2 * 1024 ** 2
/** What a blob takes in a message beside its bytes. */
const BLOB_OVERHEAD = 128
const BATCHES_AT_ONCE = 6
const FIND_AT_ONCE = 2
const DIGESTS_A_QUESTION = 10_000
const BLOBS_A_BATCH = 1_000
const STREAMS_AT_ONCE = 4
const CHUNK_BYTES = 512 * 1024
const CALL_MS = 60_000
/** A stream may take this long, and longer by what a slow line needs: a megabyte a second. */
const streamMs = (bytes: number): number => 60_000 + bytes / 1000
/** What a server may claim that an object has: more is no object. */
const MOST_BYTES = 2 * 1024 ** 3

export interface StoreTotals {
  askedBlobs: number
  sentBlobs: number
  sentBytes: number
  receivedBytes: number
}

export interface StoreFacts {
  readonly instanceName: string
  /** Aborted when the link ends. */
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, Buffer>>
}

export class Store {
  readonly totals: StoreTotals = { askedBlobs: 0, sentBlobs: 0, sentBytes: 0, receivedBytes: 0 }
  readonly #channel: Channel
  readonly #facts: StoreFacts
  /** By hash: resolves when the server has it. */
  readonly #there = new Map<string, Promise<void>>()
  readonly #find: Batches<Digest, boolean>
  readonly #update: Batches<Blob, undefined>
  readonly #streams: Batches<Blob, undefined>
  /** Blobs that servers have refused to take in a batch go alone. */
  #batchBytes = BATCH_BYTES

  constructor(channel: Channel, facts: StoreFacts) {
    this.#channel = channel
    this.#facts = facts
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
  }

  /** Resolves when all of them are there. */
  async ensure(blobs: readonly Blob[]): Promise<void> {
    await Promise.all(blobs.map((blob) => this.#ensure(blob)))
  }

  /** The server has lost these: they are asked for again when somebody needs them. */
  forget(hashes: Iterable<string>): void {
    for (const hash of hashes) this.#there.delete(hash)
  }

  /** The bytes, which have been compared with their digest. Rejects with RpcError NOT_FOUND if they are gone, DATA_LOSS if they are others. */
  async read(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    if (digest.sizeBytes === 0) return Buffer.alloc(0)
    if (!(digest.sizeBytes > 0 && digest.sizeBytes <= MOST_BYTES))
      throw new RpcError(CODE.DATA_LOSS, `a blob that claims to have ${digest.sizeBytes} bytes`)
    const bytes = await retrying(signal, () =>
      digest.sizeBytes + BLOB_OVERHEAD <= this.#batchBytes
        ? this.#readInBatch(digest, signal)
        : this.#readStream(digest, signal),
    )
    this.totals.receivedBytes += bytes.length
    return checked(bytes, digest)
  }

  #ensure(blob: Blob): Promise<void> {
    const { hash, sizeBytes } = blob.digest
    if (sizeBytes === 0) return Promise.resolve()
    const known = this.#there.get(hash)
    if (known) return known
    const there = this.#upload(blob)
    this.#there.set(hash, there)
    // Whoever needs it next tries again.
    there.catch(() => {
      if (this.#there.get(hash) === there) this.#there.delete(hash)
    })
    return there
  }

  async #upload(blob: Blob): Promise<void> {
    this.totals.askedBlobs++
    if (!(await this.#find.add(blob.digest))) return
    const weight = blob.digest.sizeBytes + BLOB_OVERHEAD
    await (weight <= this.#batchBytes ? this.#update.add(blob, weight) : this.#streams.add(blob))
    this.totals.sentBlobs++
    this.totals.sentBytes += blob.digest.sizeBytes
  }

  /** For each, whether it is missing. */
  async #findMissing(blobDigests: readonly Digest[]): Promise<boolean[]> {
    const { instanceName, signal } = this.#facts
    const request = { instanceName, blobDigests: [...blobDigests], digestFunction: DigestFunction_Value.SHA256 }
    const { missingBlobDigests } = await retrying(signal, () =>
      this.#channel.unary(FIND_MISSING_BLOBS, request, this.#call()),
    )
    const missing = new Set(missingBlobDigests.map(({ hash }) => hash))
    return blobDigests.map(({ hash }) => missing.has(hash))
  }

  async #sendBatch(blobs: readonly Blob[]): Promise<undefined[]> {
    const requests = await Promise.all(
      blobs.map(async (blob) => ({ digest: blob.digest, data: await wholeBlob(blob), compressor: 0 as const })),
    )
    const { instanceName, signal } = this.#facts
    const request = { instanceName, requests, digestFunction: DigestFunction_Value.SHA256 }
    let refused = new Set<string>()
    try {
      const { responses } = await retrying(signal, () => this.#channel.unary(BATCH_UPDATE_BLOBS, request, this.#call()))
      const taken = new Set(responses.flatMap(({ digest, status }) => (digest && !status?.code ? [digest.hash] : [])))
      refused = new Set(blobs.map(({ digest }) => digest.hash).filter((hash) => !taken.has(hash)))
    } catch (error) {
      // Too large for this server, whatever it has said; or it has no batches at all.
      if (!(error instanceof RpcError) || !REFUSES_BATCHES.has(error.code)) throw error
      refused = new Set(blobs.map(({ digest }) => digest.hash))
    }
    await Promise.all(blobs.filter(({ digest }) => refused.has(digest.hash)).map((blob) => this.#streams.add(blob)))
    return blobs.map(() => undefined)
  }

  async #write(blob: Blob): Promise<void> {
    const { signal } = this.#facts
    const { hash, sizeBytes } = blob.digest
    const resourceName = this.#resource(`uploads/${randomUUID()}/blobs`, blob.digest)
    await retrying(signal, async () => {
      const options = { ...this.#call(), timeoutMs: streamMs(sizeBytes) }
      const { committedSize } = await this.#channel.clientStream(WRITE, writeRequests(blob, resourceName), options)
      // -1: somebody else has uploaded it meanwhile, as some servers say it.
      if (committedSize === sizeBytes || committedSize === -1) return
      throw new RpcError(
        CODE.INTERNAL,
        `the server has taken ${committedSize} of ${sizeBytes} bytes of the blob ${hash}`,
      )
    }).catch((error: unknown) => {
      if (!(error instanceof RpcError && error.code === CODE.ALREADY_EXISTS)) throw error
    })
  }

  async #readInBatch(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const { instanceName } = this.#facts
    const request = {
      instanceName,
      digests: [digest],
      acceptableCompressors: [],
      digestFunction: DigestFunction_Value.SHA256,
    }
    const { responses } = await this.#channel
      .unary(BATCH_READ_BLOBS, request, { ...this.#call(), signal })
      .catch((error: unknown) => {
        if (!(error instanceof RpcError) || !REFUSES_BATCHES.has(error.code)) throw error
        return { responses: undefined }
      })
    if (responses === undefined) return await this.#readStream(digest, signal)
    const found = responses.find((response) => response.digest?.hash === digest.hash)
    if (found === undefined)
      throw new RpcError(CODE.NOT_FOUND, `the server has not answered for the blob ${digest.hash}`)
    if (found.status?.code) throw RpcError.ofStatus(found.status)
    return found.data
  }

  async #readStream(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = []
    let have = 0
    const request = { resourceName: this.#resource('blobs', digest), readOffset: 0, readLimit: 0 }
    await this.#channel.serverStream(
      READ,
      request,
      { ...this.#call(), signal, timeoutMs: streamMs(digest.sizeBytes) },
      ({ data }) => {
        have += data.length
        if (have > digest.sizeBytes) throw new RpcError(CODE.DATA_LOSS, `more bytes than the blob ${digest.hash} has`)
        chunks.push(data)
      },
    )
    return Buffer.concat(chunks)
  }

  #resource(kind: string, { hash, sizeBytes }: Digest): string {
    const { instanceName } = this.#facts
    return `${instanceName === '' ? '' : `${instanceName}/`}${kind}/${hash}/${sizeBytes}`
  }

  #call(): { signal: AbortSignal; timeoutMs: number; headers: Readonly<Record<string, Buffer>> } {
    return { signal: this.#facts.signal, timeoutMs: CALL_MS, headers: this.#facts.headers }
  }
}

const REFUSES_BATCHES: ReadonlySet<number> = new Set([
  CODE.RESOURCE_EXHAUSTED,
  CODE.INVALID_ARGUMENT,
  CODE.OUT_OF_RANGE,
  CODE.UNIMPLEMENTED,
])

function checked(bytes: Buffer, digest: Digest): Buffer {
  const { hash } = digestOf(bytes)
  if (bytes.length === digest.sizeBytes && hash === digest.hash) return bytes
  throw new RpcError(CODE.DATA_LOSS, `the server has sent other bytes than the digest ${digest.hash} stands for`)
}

async function* writeRequests(blob: Blob, resourceName: string): AsyncGenerator<WriteRequest> {
  const { sizeBytes } = blob.digest
  let at = 0
  for await (const data of chunksOf(blob, CHUNK_BYTES)) {
    const end = at + data.length
    yield { resourceName: at === 0 ? resourceName : '', writeOffset: at, finishWrite: end === sizeBytes, data }
    at = end
  }
}
