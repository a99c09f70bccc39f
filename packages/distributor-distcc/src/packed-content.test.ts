import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { type JobContent, leaveUnread } from 'dtlto/plugin'
import fc from 'fast-check'
import { lzo1xDecompress } from './lzo1x-decode.js'
import { PackedContent } from './packed-content.js'

/** A content in parts of any size, as lld's modules are. */
function content(bytes: Buffer, cuts: readonly number[] = []): JobContent {
  const places = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length]
  const parts = places.slice(1).map((end, i) => bytes.subarray(places[i], end))
  return {
    id: 'content',
    sizeBytes: bytes.length,
    digest: () => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
    lease: () => ({ parts, release: () => undefined }),
    bytes: () => Buffer.from(bytes),
  }
}

const words = fc
  .array(fc.integer({ min: 0, max: 5 }), { minLength: 30, maxLength: 2000 })
  .map((values) => Buffer.from(new Uint32Array(values).buffer))

/** Ranges of `size` bytes at places that are multiples of four. */
function ranges(size: number, seeds: readonly (readonly [number, number])[]): Uint32Array {
  const made: number[] = []
  let at = 0
  for (const [gap, length] of seeds) {
    const offset = at + gap * 4
    const end = offset + 8 + length * 4
    if (end > size) break
    made.push(offset, end - offset, gap * 7919)
    at = end
  }
  return Uint32Array.from(made)
}

const seeds = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 60 })), { maxLength: 20 })

describe('a packed content', () => {
  it('is, for each job, the content without what the job does not read', async () => {
    await fc.assert(
      fc.asyncProperty(
        words,
        fc.array(seeds, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 3 }),
        async (bytes, jobs, cuts) => {
          const packed = new PackedContent(content(bytes, cuts))
          for (const job of jobs) {
            const unread = ranges(bytes.length, job)
            const expected = Buffer.from(bytes)
            leaveUnread(expected, unread)
            assert.ok(expected.equals(lzo1xDecompress(await packed.pack(unread, () => undefined), bytes.length)))
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('compresses for a second job only what the first one did not have', async () => {
    const packed = new PackedContent(content(Buffer.alloc(4000, 'some words ')))
    const compressed: number[] = []
    const onPacked = (bytes: number): undefined => void compressed.push(bytes)
    await packed.pack(Uint32Array.of(1000, 1000, 0, 2400, 600, 0), onPacked)
    assert.deepEqual(compressed.splice(0), [1000, 400, 1000])
    await packed.pack(Uint32Array.of(1000, 1000, 0, 2600, 400, 0), onPacked)
    assert.deepEqual(compressed.splice(0), [200])
  })

  it('does not send what is not read', async () => {
    const noise = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24))
    const block = await new PackedContent(content(noise)).pack(Uint32Array.of(1000, 98_000, 7), () => undefined)
    assert.ok(block.length < 2500, `${block.length} bytes`)
  })

  it('compresses a large content in pieces, between which others have their turn', async () => {
    const size = 5 * 1024 ** 2
    const compressed: number[] = []
    const block = await new PackedContent(content(Buffer.alloc(size, 7))).pack(undefined, (bytes) => {
      compressed.push(bytes)
      return Promise.resolve()
    })
    assert.ok(compressed.length > 1)
    assert.ok(Buffer.alloc(size, 7).equals(lzo1xDecompress(block, size)))
  })
})
