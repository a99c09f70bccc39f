/**
 * What is read of the storage. Results come in all at once where the action cache has them, and a call costs more than the bytes of a small object: so what
 * jobs want at the same time is read by one call.
 */
import { ByteBudget, orAborted, takeTurn } from 'dtlto/plugin'
import { digestOf } from './blob.js'
import { Batches } from './batches.js'
import type { Compression } from './compression.js'
import {
  Compressor_Value,
  type Digest,
  DigestFunction_Value,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { Channel } from './grpc/channel.js'
import { BATCH_READ_BLOBS, READ } from './grpc/methods.js'
import { retrying } from './grpc/retry.js'
import { CODE, RpcError } from './grpc/status.js'
import {
  BATCH_BYTES,
  BLOB_OVERHEAD,
  BLOBS_A_BATCH,
  callOf,
  REFUSES_BATCHES,
  resourceName,
  type StoreFacts,
} from './store-calls.js'

/** What is in memory at a time is these batches: 12 MiB at most, as long as blobs are small. */
const BATCHES_AT_ONCE = 6
/** What a server may claim that an object has: more is no object. */
const MOST_BYTES = 2 * 1024 ** 3
/** Of what comes in streams, for larger blobs, in pieces and then whole. */
const STREAMS_BYTES = 512 * 1024 ** 2

/** Bytes, or why there are none of this blob. */
type Read = Buffer | RpcError

export class Reads {
  /** Read so far, as they came over the wire. */
  bytes = 0
  readonly #channel: Channel
  readonly #facts: StoreFacts
  readonly #compression: Compression
  readonly #batches: Batches<Digest, Read>
  readonly #memory = new ByteBudget(STREAMS_BYTES)

  constructor(channel: Channel, facts: StoreFacts, compression: Compression) {
    this.#channel = channel
    this.#facts = facts
    this.#compression = compression
    const limits = { atOnce: BATCHES_AT_ONCE, items: BLOBS_A_BATCH, weight: BATCH_BYTES }
    this.#batches = new Batches(limits, (digests) => this.#readBatch(digests))
  }

  limitBatches(bytes: number): void {
    this.#batches.limits = { ...this.#batches.limits, weight: bytes }
  }

  /** The bytes, which have been compared with their digest. Rejects with RpcError NOT_FOUND if they are gone, DATA_LOSS if they are others. */
  async read(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const { sizeBytes } = digest
    if (sizeBytes === 0) return Buffer.alloc(0)
    if (!(sizeBytes > 0 && sizeBytes <= MOST_BYTES))
      throw new RpcError(CODE.DATA_LOSS, `a blob that claims to have ${sizeBytes} bytes`)
    const weight = sizeBytes + BLOB_OVERHEAD
    const bytes = await retrying(signal, async () => {
      if (weight > this.#batches.limits.weight) return await this.#readStream(digest, signal)
      // The call is not this job's alone, so that it goes on without it.
      const read = await orAborted(this.#batches.add(digest, weight), signal)
      if (read instanceof RpcError) throw read
      return read
    })
    await takeTurn()
    return checked(bytes, digest)
  }

  async #readBatch(digests: readonly Digest[]): Promise<Read[]> {
    const { instanceName } = this.#facts
    const unique = new Map(digests.map((digest) => [digest.hash, digest]))
    const request = {
      instanceName,
      digests: [...unique.values()],
      acceptableCompressors: this.#compression.forReads() ? [Compressor_Value.ZSTD] : [],
      digestFunction: DigestFunction_Value.SHA256,
    }
    try {
      const bytes = request.digests.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      const { responses } = await this.#channel.unary(BATCH_READ_BLOBS, request, callOf(this.#facts, bytes))
      const found = new Map<string | undefined, (typeof responses)[number]>()
      for (const response of responses) {
        const hash = response.digest?.hash
        const known = found.get(hash)
        if (known === undefined || known.status?.code) found.set(hash, response)
      }
      return await Promise.all(
        digests.map(async (digest) => {
          const { hash, sizeBytes } = digest
          const response = found.get(hash)
          // Too much for one answer, or for a batch of this server.
          if (response === undefined || REFUSES_BATCHES.has(response.status?.code ?? CODE.OK))
            return await this.#streamed(digest)
          if (response.status?.code) return RpcError.ofStatus(response.status)
          this.bytes += response.data.length
          if (response.compressor !== Compressor_Value.ZSTD) return response.data
          return await this.#compression.decompress(response.data, sizeBytes).catch(rpcError)
        }),
      )
    } catch (error) {
      if (!(error instanceof RpcError) || !REFUSES_BATCHES.has(error.code)) throw error
      return await Promise.all(digests.map((digest) => this.#streamed(digest)))
    }
  }

  async #streamed(digest: Digest): Promise<Read> {
    return await this.#readStream(digest, this.#facts.signal).catch(rpcError)
  }

  async #readStream(digest: Digest, signal: AbortSignal): Promise<Buffer> {
    if (!this.#compression.forReads(digest.sizeBytes)) return await this.#readBlob('blobs', digest, signal)
    try {
      const bytes = await this.#readBlob('compressed-blobs/zstd', digest, signal)
      return await this.#compression.decompress(bytes, digest.sizeBytes)
    } catch (error) {
      if (!this.#compression.mayBeRefusal(error)) throw error
      const bytes = await this.#readBlob('blobs', digest, signal)
      this.#compression.refused()
      return bytes
    }
  }

  async #readBlob(kind: string, digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const giveBack = await this.#memory.acquire(2 * digest.sizeBytes, signal)
    try {
      return await this.#receive(kind, digest, signal)
    } finally {
      giveBack()
    }
  }

  async #receive(kind: string, digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = []
    let have = 0
    const name = resourceName(this.#facts.instanceName, kind, digest)
    const request = { resourceName: name, readOffset: 0, readLimit: 0 }
    const call = { ...callOf(this.#facts, digest.sizeBytes), signal }
    await this.#channel.serverStream(READ, request, call, ({ data }) => {
      have += data.length
      // What cannot be compressed grows by some bytes for each 128 KiB.
      if (have > digest.sizeBytes + (digest.sizeBytes >> 8) + 64)
        throw new RpcError(CODE.DATA_LOSS, `more bytes than the blob ${digest.hash} has`)
      chunks.push(data)
    })
    this.bytes += have
    return Buffer.concat(chunks)
  }
}

/** Other errors are no answers. */
function rpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  throw error
}

function checked(bytes: Buffer, digest: Digest): Buffer {
  const { hash } = digestOf(bytes)
  if (bytes.length === digest.sizeBytes && hash === digest.hash) return bytes
  throw new RpcError(CODE.DATA_LOSS, `the server has sent other bytes than the digest ${digest.hash} stands for`)
}
