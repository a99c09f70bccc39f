/**
 * zstd on the wire, where a server takes it and where it pays. Measured with level 1 on one processor of 2 GHz: the compiler becomes 0.36 and objects 0.31 of their
 * size, at 250 MB a second (back: 950); bitcode becomes 0.7, which only a line of less than some 300 Mbit/s repays.
 */
import type { Zstd } from 'dtlto/plugin'
import type { Blob } from './blob.js'
import {
  type CacheCapabilities,
  Compressor_Value,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'

const LEVEL = 1
/** Bytes a second, below which bitcode is compressed. */
const SLOW_LINE = 37e6
/** Of less than this a line's speed says nothing: calls take longer than bytes. */
const SAMPLE_BYTES = 1024 ** 2
/** Too small to be worth a call of its own. */
const SMALL_STREAM = 256 * 1024
/** What is decompressed takes its memory at once, before a byte has been seen. */
const MOST_BYTES = 256 * 1024 ** 2

/** What servers say to names and fields that they do not know. */
const UNKNOWN: ReadonlySet<number> = new Set([CODE.INVALID_ARGUMENT, CODE.NOT_FOUND, CODE.UNIMPLEMENTED])

export class Compression {
  readonly #zstd: Zstd | undefined
  readonly #isForAll: boolean
  readonly #now: () => number
  readonly #line = new Line()
  #isAnnounced = false
  #isForBatches = false

  /** `zstd`: undefined where this machine has none, or nobody wants it. `isForAll`: whatever the line repays. */
  constructor(zstd: Zstd | undefined, isForAll: boolean, now: () => number = () => performance.now()) {
    this.#zstd = zstd
    this.#isForAll = isForAll
    this.#now = now
  }

  /** What the server says of itself. */
  announced({ supportedCompressors, supportedBatchUpdateCompressors }: CacheCapabilities): void {
    this.#isAnnounced = this.#zstd !== undefined && supportedCompressors.includes(Compressor_Value.ZSTD)
    this.#isForBatches = this.#isAnnounced && supportedBatchUpdateCompressors.includes(Compressor_Value.ZSTD)
  }

  /** Whether the server may have refused compressed bytes with this, so that the same is to be tried without. */
  mayBeRefusal(error: unknown): boolean {
    return error instanceof RpcError && UNKNOWN.has(error.code)
  }

  /** Without, it went: not again in this link, whatever was announced. */
  refused(): void {
    this.#isAnnounced = this.#isForBatches = false
  }

  /** Whether this blob is to be sent compressed in a stream of its own. */
  inStream({ from, digest: { sizeBytes } }: Blob): boolean {
    if (!this.#isAnnounced || sizeBytes < SMALL_STREAM) return false
    return from.kind === 'file' || this.#isWorthIt()
  }

  /** Whether batches are to be sent compressed. */
  inBatches(): boolean {
    return this.#isForBatches && this.#isWorthIt()
  }

  /** Whether results are to come compressed. */
  forReads(sizeBytes = 0): boolean {
    return this.#isAnnounced && sizeBytes <= MOST_BYTES
  }

  async compress(bytes: Uint8Array): Promise<Buffer> {
    return buffer(await this.#with().compress(bytes, LEVEL))
  }

  /** Rejects with RpcError DATA_LOSS. */
  async decompress(bytes: Uint8Array, sizeBytes: number): Promise<Buffer> {
    if (sizeBytes > MOST_BYTES) throw new RpcError(CODE.DATA_LOSS, `${sizeBytes} bytes, compressed`)
    try {
      return buffer(await this.#with().decompress(bytes, sizeBytes))
    } catch (error) {
      throw new RpcError(
        CODE.DATA_LOSS,
        `what came is not zstd: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }

  /** Resolves as `sent` does, which has sent so many bytes. */
  async timed<T>(bytes: () => number, sent: () => Promise<T>): Promise<T> {
    this.#line.begin(this.#now())
    try {
      return await sent()
    } finally {
      this.#line.end(this.#now(), bytes())
    }
  }

  #isWorthIt(): boolean {
    return this.#isForAll || this.#line.isSlow
  }

  #with(): Zstd {
    if (this.#zstd === undefined) throw new RpcError(CODE.DATA_LOSS, 'zstd, which nobody has asked for')
    return this.#zstd
  }
}

/** How fast bytes go out: what was sent, by the time in which something was under way. */
class Line {
  #underWay = 0
  #sinceMs = 0
  #busyMs = 0
  #bytes = 0

  begin(nowMs: number): void {
    if (this.#underWay++ === 0) this.#sinceMs = nowMs
  }

  end(nowMs: number, bytes: number): void {
    this.#bytes += bytes
    if (--this.#underWay === 0) this.#busyMs += nowMs - this.#sinceMs
  }

  get isSlow(): boolean {
    return this.#bytes >= SAMPLE_BYTES && this.#bytes * 1000 < SLOW_LINE * this.#busyMs
  }
}

function buffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
