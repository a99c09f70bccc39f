import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { lzo1x, type PackedPieces } from './lzo1x.js'
import { leaveUnread } from './unread.js'

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

async function decompress(block: Uint8Array, limitBytes: number = LIMIT * 8): Promise<Buffer> {
  const bytes = await lzo1x().decompress(block, limitBytes)
  assert.ok(bytes !== undefined, `more than ${limitBytes} bytes`)
  return Buffer.from(bytes)
}

async function roundTrip(bytes: Uint8Array): Promise<void> {
  const block = lzo1x().compress(bytes)
  assert.ok(block.length <= lzo1x().mostBytes(bytes.length))
  const sizes: number[] = []
  const back = await lzo1x().decompress(block, bytes.length, (size) => Promise.resolve(void sizes.push(size)))
  assert.deepEqual(sizes, [bytes.length])
  assert.ok(Buffer.from(bytes).equals(back ?? new Uint8Array()))
  assert.equal(await lzo1x().decompress(block, bytes.length - 1), undefined)
}

/** Resolves with the block's bytes, or undefined for an error of ours. */
async function ifGood(block: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await lzo1x().decompress(block, LIMIT)
  } catch (error) {
    assert.ok(error instanceof Error && error.constructor === Error)
    return undefined
  }
}

describe('LZO1X', () => {
  it('gives back any bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 5000 }), roundTrip), { numRuns: 300 })
  })

  it('gives back bytes that repeat at every distance', async () => {
    await fc.assert(fc.asyncProperty(repetitive, roundTrip), { numRuns: 100 })
  })

  it('gives back runs of one byte of every length around the boundaries of its codes', async () => {
    for (let size = 1; size < 700; size++) {
      await roundTrip(new Uint8Array(size).fill(7))
      await roundTrip(Buffer.concat([noise(size), new Uint8Array(size % 50), noise(size)]))
    }
  })

  it('compresses what repeats, and never grows the rest by much', () => {
    assert.ok(lzo1x().compress(new Uint8Array(100_000)).length < 500)
    assert.ok(lzo1x().compress(noise(100_000)).length < 100_500)
  })

  it('reads every instruction of the format', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      [
        '9 literals, then a match of 3 beyond 2048 is refused without history',
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
      const read = async (): Promise<string> => (await decompress(Buffer.from(block, 'hex'))).toString('hex')
      if (expected === 'error') await assert.rejects(read, { message: 'a match reaches 2040 bytes before the start' })
      else assert.equal(await read(), expected, what)
    }
  })

  it('reads what the reference library wrote', async () => {
    // minilzo 2.09, lzo1x_1_compress, of 'distcc '.repeat(40) + 'ThinLTO'.
    const plain = 'distcc '.repeat(40) + 'ThinLTO'
    assert.equal((await decompress(Buffer.from(REFERENCE, 'base64'))).toString(), plain)
  })

  it('answers hostile bytes with an error, at once, whatever they claim', async () => {
    const startMs = performance.now()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        assert.ok(((await ifGood(bytes))?.length ?? 0) <= LIMIT)
      }),
      { numRuns: 2000 },
    )
    assert.ok(performance.now() - startMs < 20_000)
  })

  it('finds damage in a good block, or gives other bytes, but never breaks', async () => {
    const good = lzo1x().compress(Buffer.from('one two three one two three four '.repeat(50)))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(good.length),
        async (at, flip, keep) => {
          const bad = Uint8Array.from(good)
          bad[at] = (bad[at] as number) ^ flip
          await ifGood(bad)
          await assert.rejects(decompress(good.subarray(0, Math.min(keep, good.length - 1))), {
            message: 'the block ends in the middle',
          })
        },
      ),
    )
  })

  it('allocates nothing for a block that would expand beyond the limit', async () => {
    const bomb = Buffer.concat([Buffer.from([18, 97, 32]), new Uint8Array(1 << 20), Buffer.from([1, 0, 0, 17, 0, 0])])
    const before = process.memoryUsage()
    const reserve = (): Promise<void> => Promise.reject(new Error('asked for'))
    assert.equal(await lzo1x().decompress(bomb, 2 ** 27, reserve), undefined)
    const after = process.memoryUsage()
    assert.ok(after.arrayBuffers - before.arrayBuffers < 2 ** 20)
    assert.ok(after.rss - before.rss < 2 ** 25)
    const sizes: number[] = []
    const noRoom = (size: number): Promise<void> => {
      sizes.push(size)
      return Promise.reject(new Error('no room'))
    }
    await assert.rejects(lzo1x().decompress(bomb, 2 ** 31, noRoom), { message: 'no room' })
    assert.deepEqual(sizes, [35 + 255 * 2 ** 20])
  })

  it('has no form for nothing', async () => {
    assert.throws(() => lzo1x().compress(new Uint8Array(0)), { message: 'an empty block has no compressed form' })
    await assert.rejects(decompress(new Uint8Array(0)), { message: 'the block ends in the middle' })
    assert.equal((await pack(new Uint8Array(0))).block.length, 0)
  })
})

/** In parts of any size, as lld's modules are. */
function partsOf(bytes: Uint8Array, cuts: readonly number[] = []): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end))
}

interface Packing {
  readonly unread?: Uint32Array
  readonly pieces?: PackedPieces
  readonly cuts?: readonly number[]
}

async function pack(
  bytes: Uint8Array,
  { unread, pieces, cuts }: Packing = {},
): Promise<{ readonly block: Uint8Array; readonly compressedBytes: number }> {
  const content = { parts: partsOf(bytes, cuts), unread }
  const into = new Uint8Array(lzo1x().mostBytes(bytes.length, unread))
  const [packed] = await lzo1x().pack([{ ...content, pieces, into }])
  assert.ok(packed !== undefined)
  return packed
}

const words = fc
  .array(fc.integer({ min: 0, max: 5 }), { minLength: 30, maxLength: 2000 })
  .map((values) => Buffer.from(new Uint32Array(values).buffer))

/** Ranges of `size` bytes at places that are multiples of four: of one word, and longer ones. */
function ranges(size: number, seeds: readonly (readonly [number, number])[]): Uint32Array {
  const made: number[] = []
  let at = 0
  for (const [gap, length] of seeds) {
    const offset = at + gap * 4
    const end = offset + 4 + length * 4
    if (end > size) break
    made.push(offset, end - offset, gap * 7919)
    at = end
  }
  return Uint32Array.from(made)
}

const seeds = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 60 })), { maxLength: 20 })

function withoutUnread(bytes: Uint8Array, unread: Uint32Array): Buffer {
  const expected = Buffer.from(bytes)
  leaveUnread(expected, unread)
  return expected
}

describe('a packed content', () => {
  it('is, for each job, the content without what the job does not read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(words, fc.uint8Array({ minLength: 30, maxLength: 2000 })),
        fc.array(seeds, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 3 }),
        async (bytes, jobs, cuts) => {
          const pieces = lzo1x().pieces()
          for (const job of jobs) {
            const unread = ranges(bytes.length, job)
            const { block } = await pack(bytes, { unread, pieces, cuts })
            assert.ok(withoutUnread(bytes, unread).equals(await decompress(block)))
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('compresses for a second job only what the first one did not have, until it is forgotten', async () => {
    const pieces = lzo1x().pieces()
    const bytes = Buffer.alloc(4000, 'some words ')
    const compressed = async (...unread: number[]): Promise<number> =>
      (await pack(bytes, { unread: Uint32Array.from(unread), pieces })).compressedBytes
    assert.equal(await compressed(1000, 1000, 0, 2400, 600, 0), 2400)
    const { keptBytes } = pieces
    assert.ok(keptBytes > 20 && keptBytes < 200)
    assert.equal(await compressed(1000, 1000, 0, 2600, 400, 0), 200)
    assert.ok(pieces.keptBytes > keptBytes)
    pieces.forget()
    assert.equal(pieces.keptBytes, 0)
    assert.equal(await compressed(1000, 1000, 0, 2600, 400, 0), 2600)
  })

  it('does not send what is not read', async () => {
    const { block } = await pack(noise(100_000), { unread: Uint32Array.of(1000, 98_000, 7) })
    assert.ok(block.length < 2500, `${block.length} bytes`)
  })

  it('of many bytes is compressed on another thread', async () => {
    const bytes = Buffer.concat([Buffer.alloc(5 * 1024 ** 2, 7), noise(50 * 1024 ** 2)])
    let turns = 0
    const watching = setInterval(() => turns++, 1)
    const { block } = await pack(bytes)
    assert.ok(turns > 3, `${turns} turns of the event loop`)
    assert.ok(bytes.equals(await decompress(block, bytes.length)))
    clearInterval(watching)
  })

  it('that has no room, or no such ranges, is an error', async () => {
    const bytes = noise(1000)
    const small = lzo1x().pack([{ parts: [bytes], into: new Uint8Array(900) }])
    await assert.rejects(small, /^Error: the block has no room in \d+ bytes$/)
    for (const wrong of [
      [996, 8, 0],
      [0, 7, 0],
      [20, 20, 0, 30, 20, 0],
      [8, 2 ** 32 - 1, 0],
      [0, 8],
    ]) {
      const toPack = [{ parts: [bytes], unread: Uint32Array.from(wrong), into: new Uint8Array(5000) }]
      await assert.rejects(lzo1x().pack(toPack), Error, wrong.join())
    }
  })

  it('is right when many are packed and unpacked at once, with the same pieces and others', async () => {
    const modules = Array.from({ length: 6 }, (_, i) => {
      const bytes = Buffer.concat([noise(40_000 + i), Buffer.alloc(30_000, `words ${i} `), noise(50_000 * i)])
      return { bytes, pieces: lzo1x().pieces() }
    })
    const job = async (seed: number): Promise<void> => {
      const toPack = modules.map(({ bytes, pieces }, i) => {
        const gaps = Array.from(
          noise(60).subarray(seed % 30, (seed % 30) + 20),
          (byte) => [byte * 8, byte * (seed + i)] as const,
        )
        const unread = ranges(bytes.length, gaps)
        const into = new Uint8Array(lzo1x().mostBytes(bytes.length, unread))
        return { parts: partsOf(bytes, [seed * 997]), unread, pieces, into }
      })
      const blocks = await lzo1x().pack(toPack)
      if (seed % 7 === 0) modules[seed % 6]?.pieces.forget()
      const plain = await Promise.all(blocks.map(({ block }) => decompress(block)))
      for (const [i, { bytes }] of modules.entries())
        assert.ok(withoutUnread(bytes, toPack[i]?.unread ?? new Uint32Array()).equals(plain[i] ?? bytes))
    }
    await Promise.all(Array.from({ length: 200 }, (_, seed) => job(seed)))
  })
})

const REFERENCE = 'BGRpc3RjYyAg4xgAAAJpc3RjYyBkaXN0Y2MgVGhpbkxUTxEAAA=='
