/** Requests to the storage, which has all of a link's bytes to take, and is asked for each digest. Field numbers: remote_execution.proto, which is vendored. */
import {
  type Compressor_Value,
  type Digest,
  DigestFunction_Value,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { bytesTag, digestBytes, fieldBytes, MessageWriter, numberTag } from './message-writer.js'

/** A blob in a request. */
export interface SentBlob {
  readonly digest: Digest
  /** One after the other, as they go over the wire. */
  readonly parts: readonly Uint8Array[]
  readonly compressor: Compressor_Value
}

const INSTANCE_NAME = bytesTag(1)
/** Of both requests: digests, and blobs. */
const ITEMS = bytesTag(2)
const FIND_DIGEST_FUNCTION = numberTag(3)
const UPDATE_DIGEST_FUNCTION = numberTag(5)
const BLOB_DIGEST = bytesTag(1)
const BLOB_DATA = bytesTag(2)
const BLOB_COMPRESSOR = numberTag(3)

/** A number below 128, and its tag. */
const SMALL_NUMBER = 2

/** build.bazel.remote.execution.v2.FindMissingBlobsRequest. */
export function findMissingRequest(instanceName: string, digests: readonly Digest[]): Buffer {
  const size = digests.reduce((sum, digest) => sum + fieldBytes(digestBytes(digest)), 0)
  const writer = new MessageWriter(nameBytes(instanceName) + size + SMALL_NUMBER)
  if (instanceName !== '') writer.text(INSTANCE_NAME, instanceName)
  for (const digest of digests) writer.digest(ITEMS, digest)
  writer.field(FIND_DIGEST_FUNCTION, DigestFunction_Value.SHA256)
  return writer.done()
}

/** build.bazel.remote.execution.v2.BatchUpdateBlobsRequest. `into`: memory that nobody uses, for a request that fits in. */
export function batchUpdateRequest(instanceName: string, blobs: readonly SentBlob[], into?: Buffer): Buffer {
  const size = blobs.reduce((sum, blob) => sum + fieldBytes(blobBytes(blob)), 0)
  const writer = new MessageWriter(nameBytes(instanceName) + size + SMALL_NUMBER, into)
  if (instanceName !== '') writer.text(INSTANCE_NAME, instanceName)
  for (const blob of blobs) {
    writer.field(ITEMS, blobBytes(blob))
    writer.digest(BLOB_DIGEST, blob.digest)
    const sizeBytes = dataBytes(blob)
    if (sizeBytes > 0) writer.field(BLOB_DATA, sizeBytes)
    for (const part of blob.parts) writer.raw(part)
    if (blob.compressor !== 0) writer.field(BLOB_COMPRESSOR, blob.compressor)
  }
  writer.field(UPDATE_DIGEST_FUNCTION, DigestFunction_Value.SHA256)
  return writer.done()
}

function nameBytes(instanceName: string): number {
  return instanceName === '' ? 0 : fieldBytes(Buffer.byteLength(instanceName))
}

export function dataBytes({ parts }: SentBlob): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}

function blobBytes(blob: SentBlob): number {
  const data = dataBytes(blob)
  return (
    fieldBytes(digestBytes(blob.digest)) +
    (data === 0 ? 0 : fieldBytes(data)) +
    (blob.compressor === 0 ? 0 : SMALL_NUMBER)
  )
}
