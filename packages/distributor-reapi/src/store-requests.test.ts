import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  BatchUpdateBlobsRequest,
  Compressor_Value,
  DigestFunction_Value,
  FindMissingBlobsRequest,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { encodeMessage } from './grpc/methods.js'
import { batchUpdateRequest, findMissingRequest, type SentBlob } from './store-requests.js'

const digest = (sizeBytes: number) => ({ hash: 'ab'.repeat(32), sizeBytes })
const digests = [0, 1, 127, 128, 2 ** 31, Number.MAX_SAFE_INTEGER].map(digest)
const digestFunction = DigestFunction_Value.SHA256
const INSTANCES = ['', 'main', 'größe/𝄞'.repeat(30)]

describe('requests to the storage have the bytes of the generated codec', () => {
  for (const instanceName of INSTANCES) {
    it(`what is missing, of instance '${instanceName.slice(0, 8)}'`, () => {
      for (const blobDigests of [[], digests])
        assert.deepEqual(
          findMissingRequest(instanceName, blobDigests),
          encodeMessage(FindMissingBlobsRequest, { instanceName, blobDigests, digestFunction }),
        )
    })

    it(`blobs, of instance '${instanceName.slice(0, 8)}'`, () => {
      const blobs: SentBlob[] = [
        { digest: digest(0), parts: [], compressor: Compressor_Value.IDENTITY },
        { digest: digest(5), parts: [Buffer.from('12'), Buffer.alloc(0), Buffer.from('345')], compressor: 0 },
        { digest: digest(40_000), parts: [Buffer.alloc(20_000, 'x')], compressor: Compressor_Value.ZSTD },
      ]
      const theirs = encodeMessage(BatchUpdateBlobsRequest, {
        instanceName,
        requests: blobs.map(({ parts, ...blob }) => ({ ...blob, data: Buffer.concat(parts) })),
        digestFunction,
      })
      assert.deepEqual(batchUpdateRequest(instanceName, blobs), theirs)
      const large = Buffer.alloc(100_000, 'y')
      const within = batchUpdateRequest(instanceName, blobs, large)
      assert.deepEqual(within, theirs)
      assert.equal(within.buffer, large.buffer, 'in the memory that was given')
      assert.deepEqual(batchUpdateRequest(instanceName, blobs, Buffer.alloc(10)), theirs, 'which is too small')
    })
  }
})
