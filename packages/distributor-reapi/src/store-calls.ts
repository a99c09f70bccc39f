/** What calls to the storage have in common, in both directions. */
import type { Digest } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { CallOptions } from './grpc/channel.js'
import { CODE } from './grpc/status.js'

/** gRPC servers read messages of 4 MiB, unless told otherwise. Half of it keeps what is in flight small. */
export const BATCH_BYTES = 2 * 1024 ** 2
/** What a blob takes in a message beside its bytes. */
export const BLOB_OVERHEAD = 128
export const BLOBS_A_BATCH = 1_000
const CALL_MS = 60_000
/** Of one call, on a line of 1.6 Mbit/s that ten of them share: a call that ends too early begins again with its first byte. */
const SLOW_BYTES_PER_MS = 20

export interface StoreFacts {
  readonly instanceName: string
  /** Aborted when the link ends. */
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, Buffer>>
}

/** `bytes`: what it carries. */
export function callOf({ signal, headers }: StoreFacts, bytes = 0): CallOptions {
  return { signal, timeoutMs: CALL_MS + bytes / SLOW_BYTES_PER_MS, headers }
}

/** A blob's name for ByteStream. */
export function resourceName(instanceName: string, kind: string, { hash, sizeBytes }: Digest): string {
  return `${instanceName === '' ? '' : `${instanceName}/`}${kind}/${hash}/${sizeBytes}`
}

/** Too large for this server, whatever it has said of its limits; or it has no batches at all. */
export const REFUSES_BATCHES: ReadonlySet<number> = new Set([
  CODE.RESOURCE_EXHAUSTED,
  CODE.INVALID_ARGUMENT,
  CODE.OUT_OF_RANGE,
  CODE.UNIMPLEMENTED,
])
