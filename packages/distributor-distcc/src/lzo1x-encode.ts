import { Lzo1xError } from './lzo1x-decode.js'

/**
 * LZO1X compression of one whole block, written for this package: greedy, one candidate per position from a hash of four
 * bytes, with steps that grow while nothing matches. It finds about what the fastest level of the reference finds, and
 * every LZO1X decoder reads it. lzo1x-decode.ts describes the format.
 *
 * Bitcode is a bit stream: its numbers rarely align to bytes, so that most of what matches is in string tables, metadata
 * strings and blobs. That caps the gain whatever the effort: a greedy search is the right amount of work.
 */

const HASH_BITS = 14
const MAX_DISTANCE = 16384 + 32767
/** How slowly steps grow in data that does not match: one byte more for each 2^5 literals in a row. */
const STEP_SHIFT = 5
/** Matches are looked for up to this many bytes before the end, so that four bytes can always be read. */
const TAIL = 5

/** One entry a hash value: a position plus one, 0 for none. Reused: compression is synchronous. */
const table = new Int32Array(1 << HASH_BITS)

/** The most bytes that compressing `size` bytes can take. */
export function lzo1xWorstCase(size: number): number {
  return size + Math.ceil(size / 16) + 67
}

/** Compresses one block of 1 byte to 1 GiB. Throws Lzo1xError for an empty one: a block has no form for it. */
export function lzo1xCompress(input: Uint8Array): Uint8Array {
  const size = input.length
  if (size === 0) throw new Lzo1xError('an empty block has no compressed form')
  const out = new Uint8Array(lzo1xWorstCase(size))
  const limit = size - TAIL
  let made = 0
  let literalStart = 0
  let at = 1

  table.fill(0)
  while (at < limit) {
    const word = load(input, at)
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = (table[slot] as number) - 1
    table[slot] = at + 1
    if (candidate < 0 || at - candidate > MAX_DISTANCE || load(input, candidate) !== word) {
      at += 1 + ((at - literalStart) >> STEP_SHIFT)
      continue
    }
    let start = at
    let from = candidate
    while (start > literalStart && from > 0 && input[start - 1] === input[from - 1]) {
      start--
      from--
    }
    let stop = at + 4
    let other = candidate + 4
    while (stop < size && input[stop] === input[other]) {
      stop++
      other++
    }
    made = putLiterals(input, literalStart, start, out, made)
    made = putMatch(out, made, start - from, stop - start)
    literalStart = stop
    if (stop < limit) table[Math.imul(load(input, stop - 2), 0x9e3779b1) >>> (32 - HASH_BITS)] = stop - 1
    at = stop
  }
  made = putLiterals(input, literalStart, size, out, made)
  out[made++] = 17
  out[made++] = 0
  out[made++] = 0
  return made > out.length >> 1 ? out.subarray(0, made) : out.slice(0, made)
}

function load(input: Uint8Array, at: number): number {
  return (
    (input[at] as number) |
    ((input[at + 1] as number) << 8) |
    ((input[at + 2] as number) << 16) |
    ((input[at + 3] as number) << 24)
  )
}

/** Up to three literals are counted in two bits of the match before them: the byte before its last one, in every form. */
function putLiterals(input: Uint8Array, from: number, to: number, out: Uint8Array, start: number): number {
  const count = to - from
  let made = start
  if (count === 0) return made
  if (made === 0 && count <= 238) out[made++] = 17 + count
  else if (made > 0 && count <= 3) out[made - 2] = (out[made - 2] as number) | count
  else if (count <= 18) out[made++] = count - 3
  else {
    out[made++] = 0
    made = putRun(out, made, count - 18)
  }
  if (count > 48) out.set(input.subarray(from, to), made)
  else for (let i = 0; i < count; i++) out[made + i] = input[from + i] as number
  return made + count
}

function putMatch(out: Uint8Array, start: number, distance: number, count: number): number {
  let made = start
  if (count <= 8 && distance <= 2048) {
    out[made++] = ((count - 1) << 5) | (((distance - 1) & 7) << 2)
    out[made++] = (distance - 1) >> 3
    return made
  }
  let word: number
  if (distance <= 16384) {
    word = (distance - 1) << 2
    if (count <= 33) out[made++] = 32 | (count - 2)
    else {
      out[made++] = 32
      made = putRun(out, made, count - 33)
    }
  } else {
    const rest = distance - 16384
    const high = (rest >> 11) & 8
    word = (rest << 2) & 0xffff
    if (count <= 9) out[made++] = 16 | high | (count - 2)
    else {
      out[made++] = 16 | high
      made = putRun(out, made, count - 9)
    }
  }
  out[made++] = word & 0xff
  out[made++] = word >> 8
  return made
}

function putRun(out: Uint8Array, start: number, count: number): number {
  let made = start
  let rest = count
  for (; rest > 255; rest -= 255) out[made++] = 0
  out[made++] = rest
  return made
}
