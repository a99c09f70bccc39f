import type { BufferPool } from './buffer-pool.js'
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
const SHORTEST_MATCH = 3
/** Of a block, for what announces its literals. */
const ROOM_BYTES = 128
/** Shorter runs are copied byte by byte: a view on them would cost more. */
const SHORT_COPY_BYTES = 48

/** One entry a hash value: a position plus one, 0 for none. Reused, as `scratch` is: compression is synchronous. */
const table = new Int32Array(1 << HASH_BITS)
/** Room for the matches of inputs up to this size. */
const SCRATCH_FOR_BYTES = 1024 * 1024
let scratch = new Uint8Array(0)

/** The most bytes that compressing `size` bytes can take. */
export function lzo1xWorstCase(size: number): number {
  return size + Math.ceil(size / 16) + 67
}

/**
 * A part of a block, compressed by itself: literals, then from the first match to the last one, then literals. Blocks are put together of such parts.
 * There are many small ones, so each is one buffer.
 */
export interface Lzo1xPiece {
  readonly bytes: Uint8Array
  /** Where the matches begin, and end. */
  readonly matchesAt: number
  readonly tailAt: number
}

/** Compresses one block of 1 byte to 1 GiB. Throws Lzo1xError for an empty one: a block has no form for it. */
export function lzo1xCompress(input: Uint8Array): Uint8Array {
  const piece = lzo1xPiece(input)
  const block = new Lzo1xBlock(piece.bytes.length)
  block.add(piece)
  return block.finish()
}

/** Copies: `input` may change afterwards. */
export function lzo1xPiece(input: Uint8Array): Lzo1xPiece {
  const size = input.length
  const out = roomFor(size)
  const limit = size - TAIL
  let made = 0
  let literalStart = 0
  let headEnd = size
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
    if (made === 0) headEnd = start
    else made = putLiterals(input, literalStart, start, out, made)
    made = putMatch(out, made, start - from, stop - start)
    literalStart = stop
    if (stop < limit) table[Math.imul(load(input, stop - 2), 0x9e3779b1) >>> (32 - HASH_BITS)] = stop - 1
    at = stop
  }
  const tailStart = headEnd === size ? size : literalStart
  const tailAt = headEnd + made
  const bytes = new Uint8Array(tailAt + size - tailStart)
  copy(input, 0, headEnd, bytes, 0)
  copy(out, 0, made, bytes, headEnd)
  copy(input, tailStart, size, bytes, tailAt)
  return { bytes, matchesAt: headEnd, tailAt }
}

function roomFor(size: number): Uint8Array {
  if (size > SCRATCH_FOR_BYTES) return new Uint8Array(lzo1xWorstCase(size))
  if (scratch.length === 0) scratch = new Uint8Array(lzo1xWorstCase(SCRATCH_FOR_BYTES))
  return scratch
}

/** One block, put together. */
export class Lzo1xBlock {
  readonly #pool: BufferPool | undefined
  #out: Uint8Array
  #made = 0
  /** What stands between two matches is one run: these parts of buffers. */
  #literals: { readonly bytes: Uint8Array; readonly from: number; readonly to: number }[] = []
  #literalBytes = 0
  #isEmpty = true

  /** `expectedBytes`: of the block, about. The pool's buffer, or a larger one of it, is in the result: it is the caller's to give back. */
  constructor(expectedBytes = 0, pool?: BufferPool) {
    this.#pool = pool
    this.#out = this.#take(expectedBytes + ROOM_BYTES)
  }

  add({ bytes, matchesAt, tailAt }: Lzo1xPiece): void {
    this.literals(bytes, 0, matchesAt)
    const count = tailAt - matchesAt
    if (count > 0) {
      this.#putLiterals()
      this.#reserve(count)
      this.#made = copy(bytes, matchesAt, tailAt, this.#out, this.#made)
      this.#isEmpty = false
    }
    this.literals(bytes, tailAt, bytes.length)
  }

  /** They must not change before the block is finished. */
  literals(bytes: Uint8Array, from = 0, to = bytes.length): void {
    if (from >= to) return
    this.#literals.push({ bytes, from, to })
    this.#literalBytes += to - from
    this.#isEmpty = false
  }

  /** The last byte of what was added, `count` times more. */
  repeatLast(count: number): void {
    if (this.#isEmpty) throw new Lzo1xError('nothing to repeat')
    if (count < SHORTEST_MATCH) {
      const run = this.#literals.at(-1)
      const last = run?.bytes[run.to - 1]
      if (count > 0 && last === undefined) throw new Lzo1xError('no literal to repeat')
      this.literals(new Uint8Array(count).fill(last ?? 0))
      return
    }
    this.#putLiterals()
    this.#reserve(Math.ceil(count / 255) + 8)
    this.#made = putMatch(this.#out, this.#made, 1, count)
  }

  /** The compressed block. Throws Lzo1xError if it is empty. */
  finish(): Uint8Array {
    if (this.#isEmpty) throw new Lzo1xError('an empty block has no compressed form')
    this.#putLiterals()
    this.#reserve(3)
    this.#out[this.#made++] = 17
    this.#out[this.#made++] = 0
    this.#out[this.#made++] = 0
    const isMostOfIt = this.#pool !== undefined || this.#made > this.#out.length >> 1
    return isMostOfIt ? this.#out.subarray(0, this.#made) : this.#out.slice(0, this.#made)
  }

  #putLiterals(): void {
    this.#reserve(this.#literalBytes + Math.ceil(this.#literalBytes / 255) + 8)
    this.#made = putCount(this.#out, this.#made, this.#literalBytes)
    for (const { bytes, from, to } of this.#literals) this.#made = copy(bytes, from, to, this.#out, this.#made)
    this.#literals = []
    this.#literalBytes = 0
  }

  #reserve(bytes: number): void {
    if (this.#made + bytes <= this.#out.length) return
    const larger = this.#take(Math.max(this.#out.length * 2, this.#made + bytes))
    larger.set(this.#out.subarray(0, this.#made))
    this.#pool?.give(this.#out)
    this.#out = larger
  }

  #take(bytes: number): Uint8Array {
    return this.#pool?.take(bytes) ?? new Uint8Array(bytes)
  }
}

function load(input: Uint8Array, at: number): number {
  return (
    (input[at] as number) |
    ((input[at + 1] as number) << 8) |
    ((input[at + 2] as number) << 16) |
    ((input[at + 3] as number) << 24)
  )
}

function putLiterals(input: Uint8Array, from: number, to: number, out: Uint8Array, start: number): number {
  return copy(input, from, to, out, putCount(out, start, to - from))
}

/** Where the copy ends. */
function copy(input: Uint8Array, from: number, to: number, out: Uint8Array, start: number): number {
  const count = to - from
  if (count > SHORT_COPY_BYTES) out.set(input.subarray(from, to), start)
  else for (let i = 0; i < count; i++) out[start + i] = input[from + i] as number
  return start + count
}

/** How many literals follow. Up to three are counted in two bits of the match before them: the byte before its last one, in every form. */
function putCount(out: Uint8Array, start: number, count: number): number {
  let made = start
  if (count === 0) return made
  if (made === 0 && count <= 238) out[made++] = 17 + count
  else if (made > 0 && count <= 3) out[made - 2] = (out[made - 2] as number) | count
  else if (count <= 18) out[made++] = count - 3
  else {
    out[made++] = 0
    made = putRun(out, made, count - 18)
  }
  return made
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
