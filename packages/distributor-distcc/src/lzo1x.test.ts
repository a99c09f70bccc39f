import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { lzo1xDecompress, lzo1xDecompressedSize, Lzo1xError } from './lzo1x-decode.js'
import { Lzo1xBlock, lzo1xCompress, lzo1xPiece, lzo1xWorstCase } from './lzo1x-encode.js'

const LIMIT = 1 << 20

/** Bytes with repetitions near and far: what plain random bytes never have. */
const repetitive = fc
  .array(
    fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 60_000 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => {
    const first = parts[0]?.[0] ?? new Uint8Array(1)
    return Buffer.concat(
      parts.flatMap(([bytes, times, gap]) => [...Array.from({ length: times }, () => bytes), noise(gap), first]),
    )
  })

function noise(size: number): Uint8Array {
  const out = new Uint8Array(size)
  let seed = size + 1
  for (let i = 0; i < size; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    out[i] = seed >>> 24
  }
  return out
}

function roundTrip(bytes: Uint8Array): void {
  const block = lzo1xCompress(bytes)
  assert.ok(block.length <= lzo1xWorstCase(bytes.length))
  assert.equal(lzo1xDecompressedSize(block, LIMIT * 8), bytes.length)
  assert.ok(Buffer.from(bytes).equals(lzo1xDecompress(block, LIMIT * 8)))
}

describe('LZO1X', () => {
  it('gives back any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), roundTrip), { numRuns: 300 })
  })

  it('gives back bytes that repeat at every distance', () => {
    fc.assert(fc.property(repetitive, roundTrip), { numRuns: 100 })
  })

  it('gives back runs of one byte of every length around the boundaries of its codes', () => {
    for (let size = 1; size < 700; size++) {
      roundTrip(new Uint8Array(size).fill(7))
      roundTrip(Buffer.concat([noise(size), new Uint8Array(size % 50), noise(size)]))
    }
  })

  it('puts blocks together of pieces, literals and repetitions', () => {
    const part = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => ({ kind: 'literals' as const, bytes })),
      repetitive.map((bytes) => ({ kind: 'piece' as const, bytes })),
      fc.integer({ min: 3, max: 100_000 }).map((count) => ({ kind: 'repeat' as const, count })),
    )
    const blocks = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 5 }), fc.array(part, { maxLength: 8 }))
    fc.assert(
      fc.property(blocks, ([first, parts]) => {
        const block = new Lzo1xBlock()
        block.literals(first)
        let plain = Buffer.from(first)
        for (const each of parts) {
          if (each.kind === 'repeat') block.repeatLast(each.count)
          else if (each.kind === 'piece') block.add(lzo1xPiece(each.bytes))
          else block.literals(each.bytes)
          const more = each.kind === 'repeat' ? Buffer.alloc(each.count, plain.at(-1)) : each.bytes
          plain = Buffer.concat([plain, more])
        }
        assert.ok(plain.equals(lzo1xDecompress(block.finish(), LIMIT * 8)))
      }),
      { numRuns: 300 },
    )
  })

  it('compresses what repeats, and never grows the rest by much', () => {
    assert.ok(lzo1xCompress(new Uint8Array(100_000)).length < 500)
    assert.ok(lzo1xCompress(noise(100_000)).length < 100_500)
  })

  it('reads every instruction of the format', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      [
        '16 literals, then a match of 3 beyond 2048 is refused without history',
        '1a' + '00'.repeat(9) + '0000' + '110000',
        'error',
      ],
      ['1 literal first, a match of 2 at distance 1', '1261' + '0000' + '110000', '616161'],
      ['4 literals, match of 3 at distance 4', '1561626364' + '4c00' + '110000', '61626364616263'],
      [
        '4 literals, match of 8 at distance 1, 1 literal',
        '1561626364' + 'e10065' + '110000',
        '61626364' + '64'.repeat(8) + '65',
      ],
      [
        '4 literals, 16-bit match of 33 + 1 at distance 2',
        '1561626364' + '20010400' + '110000',
        '61626364' + '6364'.repeat(17),
      ],
    ]
    for (const [what, block, expected] of cases) {
      const read = (): string => Buffer.from(lzo1xDecompress(Buffer.from(block, 'hex'), LIMIT)).toString('hex')
      if (expected === 'error') assert.throws(read, Lzo1xError, what)
      else assert.equal(read(), expected, what)
    }
  })

  it('reads what the reference library wrote', () => {
    // minilzo 2.09, lzo1x_1_compress, of 'distcc '.repeat(40) + 'ThinLTO'.
    assert.equal(
      Buffer.from(lzo1xDecompress(Buffer.from(REFERENCE, 'base64'), LIMIT)).toString(),
      'distcc '.repeat(40) + 'ThinLTO',
    )
  })

  it('answers hostile bytes with an error, at once, whatever they claim', () => {
    const startMs = performance.now()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        try {
          assert.ok(lzo1xDecompress(bytes, LIMIT).length <= LIMIT)
        } catch (error) {
          assert.ok(error instanceof Lzo1xError)
        }
      }),
      { numRuns: 2000 },
    )
    assert.ok(performance.now() - startMs < 20_000)
  })

  it('finds damage in a good block, or gives other bytes, but never breaks', () => {
    const good = lzo1xCompress(Buffer.from('one two three one two three four '.repeat(50)))
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(good.length), (at, flip, keep) => {
        const bad = Uint8Array.from(good)
        bad[at] = (bad[at] as number) ^ flip
        for (const block of [bad, good.subarray(0, Math.min(keep, good.length - 1))]) {
          try {
            lzo1xDecompress(block, LIMIT)
          } catch (error) {
            assert.ok(error instanceof Lzo1xError)
          }
        }
      }),
    )
  })

  it('allocates nothing for a block that would expand beyond the limit', () => {
    const bomb = Buffer.concat([Buffer.from([18, 97, 32]), new Uint8Array(1 << 20), Buffer.from([1, 0, 0, 17, 0, 0])])
    assert.equal(lzo1xDecompressedSize(bomb, 2 ** 31), 35 + 255 * 2 ** 20)
    const before = process.memoryUsage().arrayBuffers
    assert.throws(() => lzo1xDecompress(bomb, 2 ** 27), Lzo1xError)
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20)
  })

  it('has no form for nothing', () => {
    assert.throws(() => lzo1xCompress(new Uint8Array(0)), Lzo1xError)
    assert.throws(() => lzo1xDecompress(new Uint8Array(0), 10), Lzo1xError)
  })
})

const REFERENCE = 'BGRpc3RjYyAg4xgAAAJpc3RjYyBkaXN0Y2MgVGhpbkxUTxEAAA=='
