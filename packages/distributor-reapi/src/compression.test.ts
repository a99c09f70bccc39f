import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { zstd } from 'dtlto/plugin'
import { type Blob, bytesBlob } from './blob.js'
import { Compression } from './compression.js'
import { CacheCapabilities, Compressor_Value } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'

const MIB = 1024 ** 2
const ALL = CacheCapabilities.fromPartial({
  supportedCompressors: [Compressor_Value.ZSTD],
  supportedBatchUpdateCompressors: [Compressor_Value.ZSTD],
})
const MODULE: Blob = bytesBlob(Buffer.alloc(MIB))
const LIBRARY: Blob = { digest: { hash: '', sizeBytes: 100 * MIB }, from: { kind: 'file', path: '/lib/libLLVM.so' } }

describe('what goes compressed over the wire', () => {
  test('is nothing before the server has said that it takes it, nor where nobody has zstd', () => {
    const without = new Compression(undefined, true)
    without.announced(ALL)
    for (const compression of [new Compression(zstd(), true), without])
      assert.equal(compression.inStream(LIBRARY) || compression.inBatches() || compression.forReads(), false)
  })

  test('is the compiler always, and modules on a slow line', async () => {
    let nowMs = 0
    const compression = new Compression(zstd(), false, () => nowMs)
    compression.announced(ALL)
    const isForModules = (): readonly boolean[] => [compression.inStream(MODULE), compression.inBatches()]
    const send = (bytes: number, ms: number): Promise<void> =>
      compression.timed(
        () => bytes,
        () => {
          nowMs += ms
          return Promise.resolve()
        },
      )
    assert.deepEqual([compression.inStream(LIBRARY), ...isForModules()], [true, false, false])
    await send(MIB / 2, 1000)
    assert.deepEqual(isForModules(), [false, false], 'too few bytes to tell')
    await send(100 * MIB, 1000)
    assert.deepEqual(isForModules(), [false, false], 'some 400 Mbit/s')
    await send(100 * MIB, 9000)
    assert.deepEqual(isForModules(), [true, true], 'some 150 Mbit/s')
    assert.equal(compression.inStream(bytesBlob(Buffer.alloc(1000))), false, 'small ones go in batches')
  })

  test('counts what is under way at the same time once', async () => {
    let nowMs = 0
    const compression = new Compression(zstd(), false, () => nowMs)
    compression.announced(ALL)
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    const all = [1, 2, 3, 4].map(() =>
      compression.timed(
        () => 10 * MIB,
        () => ended,
      ),
    )
    nowMs = 1000
    end()
    await Promise.all(all)
    assert.equal(compression.inBatches(), false, '40 MiB in a second')
  })

  test('is nothing any more when the server has refused what it announced', () => {
    const compression = new Compression(zstd(), true)
    compression.announced(ALL)
    assert.equal(compression.mayBeRefusal(new RpcError(CODE.UNAVAILABLE, 'trouble')), false)
    assert.equal(compression.mayBeRefusal(new RpcError(CODE.INVALID_ARGUMENT, 'Invalid resource name')), true)
    assert.equal(compression.inStream(LIBRARY), true)
    compression.refused()
    assert.equal(compression.inStream(LIBRARY) || compression.inBatches() || compression.forReads(), false)
  })

  test('comes back as it was, and nothing else does', async () => {
    const compression = new Compression(zstd(), true)
    const bytes = Buffer.from('a'.repeat(5000))
    const frames = Buffer.concat([await compression.compress(bytes), await compression.compress(bytes)])
    assert.ok(frames.length < 100)
    assert.deepEqual(await compression.decompress(frames, 10_000), Buffer.concat([bytes, bytes]))
    for (const [wrong, size] of [
      [frames, 9_999],
      [frames, 10_001],
      [frames.subarray(0, -1), 10_000],
      [bytes, 5000],
      [frames, 2 ** 40],
    ] as const)
      await assert.rejects(
        compression.decompress(wrong, size),
        (error) => error instanceof RpcError && error.code === CODE.DATA_LOSS,
      )
  })
})
