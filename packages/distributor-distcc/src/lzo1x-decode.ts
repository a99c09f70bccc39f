/**
 * LZO1X decompression of one raw block, as distcc puts every file body on the wire.
 *
 * The block does not say how long it is decompressed, and a hostile one may expand 255-fold. So the instructions are
 * walked twice by the same code: first without an output, which finds every error and the exact size, then with a
 * buffer of that size. Nothing is allocated for a block that is damaged or too large, and nothing is allocated twice.
 *
 * The format (public description: Documentation/staging/lzo.rst of the Linux kernel). `state` is the number of literals that
 * the last instruction copied: 0 to 3, or 4 for any longer run. D, H, L, S are bit fields of the instruction byte `t`.
 *
 *   first byte only, 18…255    t-17 literals follow
 *   0000LLLL, state 0          literals: L + 3, or for L = 0: 18 + run
 *   0000DDSS H, state 1…3      match of 2, distance (H << 2) + D + 1
 *   0000DDSS H, state 4        match of 3, distance (H << 2) + D + 2049
 *   0001HLLL D D, 16-bit       match of L + 2, or for L = 0: 9 + run; distance (H << 14) + D + 16384; exactly 16384 ends the block
 *   001LLLLL D D, 16-bit       match of L + 2, or for L = 0: 33 + run; distance D + 1
 *   01LDDDSS H                 match of L + 3, distance (H << 3) + D + 1
 *   1LLDDDSS H                 match of L + 5, distance (H << 3) + D + 1
 *
 * A run is 255 for each zero byte plus the first byte that is not zero. The 16-bit word is little-endian, D its upper 14
 * bits, S its lower two. After each match S literals follow.
 */

import { takeTurn } from 'dtlto/plugin'

/** What is wrong with a block of LZO1X, or that it is larger than the caller allows. */
export class Lzo1xError extends Error {
  override readonly name = 'Lzo1xError'
  readonly isTooLarge: boolean
  constructor(message: string, isTooLarge = false) {
    super(message)
    this.isTooLarge = isTooLarge
  }
}

/** Length in bytes of the decompressed block. Throws Lzo1xError if it is damaged or longer than `limitBytes`. */
export function lzo1xDecompressedSize(block: Uint8Array, limitBytes: number): number {
  return walk(block, undefined, limitBytes, start(), Infinity).made
}

/** Decompresses one whole block. Throws Lzo1xError if it is damaged or longer than `limitBytes`. */
export function lzo1xDecompress(block: Uint8Array, limitBytes: number): Uint8Array {
  const out = new Uint8Array(lzo1xDecompressedSize(block, limitBytes))
  walk(block, out, limitBytes, start(), Infinity)
  return out
}

/** Bytes that are walked through at a stretch: some milliseconds. */
const STRETCH_BYTES = 1024 * 1024

/**
 * The same, with turns of the event loop in between. `reserve` is called with the exact size before anything is allocated, and may
 * wait.
 */
export async function lzo1xDecompressInTurns(
  block: Uint8Array,
  limitBytes: number,
  reserve: (sizeBytes: number) => Promise<void>,
): Promise<Uint8Array> {
  await takeTurn()
  const bytes = await walkInTurns(block, undefined, limitBytes)
  await reserve(bytes)
  const out = new Uint8Array(bytes)
  await walkInTurns(block, out, limitBytes)
  return out
}

async function walkInTurns(block: Uint8Array, out: Uint8Array | undefined, limitBytes: number): Promise<number> {
  let place = walk(block, out, limitBytes, start(), STRETCH_BYTES)
  while (!place.done) {
    await takeTurn()
    place = walk(block, out, limitBytes, place, STRETCH_BYTES)
  }
  return place.made
}

/** Where a walk stands, between two instructions. */
interface Place {
  /** In the block. */
  readonly at: number
  /** Bytes of output so far. */
  readonly made: number
  readonly state: number
  readonly done: boolean
}

function start(): Place {
  return { at: 0, made: 0, state: 0, done: false }
}

/**
 * Goes on from `from` to the end of the block, or until it has read or made more than `stretch` bytes. One function without closures: this is most of what
 * an answer costs.
 */
function walk(block: Uint8Array, out: Uint8Array | undefined, limitBytes: number, from: Place, stretch: number): Place {
  const end = block.length
  let { at, made, state } = from
  const pauseAt = at + stretch
  const pauseMade = made + stretch

  while (at < pauseAt && made < pauseMade) {
    if (at >= end) throw cutOff()
    const t = block[at++] as number
    let literals = 0
    if (at === 1 && t > 17) {
      literals = t - 17
      state = literals < 4 ? literals : 4
    } else if (t < 16 && state === 0) {
      literals = t + 3
      if (t === 0) {
        const last = endOfRun(block, at)
        literals = 18 + (last - at) * 255 + (block[last] as number)
        at = last + 1
      }
      state = 4
    } else {
      let distance: number
      let count: number
      if (t < 16 || t >= 64) {
        if (at >= end) throw cutOff()
        const high = block[at++] as number
        if (t >= 64) {
          distance = (high << 3) + ((t >> 2) & 7) + 1
          count = t < 128 ? ((t >> 5) & 1) + 3 : ((t >> 5) & 3) + 5
        } else {
          distance = (high << 2) + (t >> 2) + (state === 4 ? 2049 : 1)
          count = state === 4 ? 3 : 2
        }
        state = t & 3
      } else {
        const mask = t >= 32 ? 31 : 7
        const base = t >= 32 ? 33 : 9
        count = (t & mask) + 2
        if (count === 2) {
          const last = endOfRun(block, at)
          count = base + (last - at) * 255 + (block[last] as number)
          at = last + 1
        }
        if (at + 1 >= end) throw cutOff()
        const word = (block[at] as number) | ((block[at + 1] as number) << 8)
        at += 2
        distance = (word >> 2) + 1
        if (t < 32) {
          distance += ((t & 8) << 11) + 16383
          if (distance === 16384) {
            if (at !== end) throw new Lzo1xError(`${end - at} bytes follow the end of the block`)
            return { at, made, state, done: true }
          }
        }
        state = word & 3
      }
      if (distance > made) throw new Lzo1xError(`a match reaches ${distance - made} bytes before the start`)
      if (made + count > limitBytes) throw tooLarge(limitBytes)
      if (out !== undefined) copyMatch(out, made, distance, count)
      made += count
      literals = state
    }
    if (literals === 0) continue
    if (at + literals > end) throw cutOff()
    if (made + literals > limitBytes) throw tooLarge(limitBytes)
    if (out !== undefined) copyLiterals(block, at, out, made, literals)
    at += literals
    made += literals
  }
  return { at, made, state, done: false }
}

/** Where the first byte is that is not zero. */
function endOfRun(block: Uint8Array, start: number): number {
  for (let at = start; at < block.length; at++) if (block[at] !== 0) return at
  throw cutOff()
}

function cutOff(): Lzo1xError {
  return new Lzo1xError('the block ends in the middle')
}

function tooLarge(limitBytes: number): Lzo1xError {
  return new Lzo1xError(`the block is longer than ${limitBytes} bytes when decompressed`, true)
}

function copyLiterals(from: Uint8Array, at: number, out: Uint8Array, made: number, count: number): void {
  if (count > 48) out.set(from.subarray(at, at + count), made)
  else for (let i = 0; i < count; i++) out[made + i] = from[at + i] as number
}

/** A match may overlap what it writes: then it repeats its last `distance` bytes. */
function copyMatch(out: Uint8Array, made: number, distance: number, count: number): void {
  const from = made - distance
  if (distance === 1 && count > 16) out.fill(out[from] as number, made, made + count)
  else if (distance >= count && count > 48) out.copyWithin(made, from, from + count)
  else if (count > 256) copyRepeated(out, made, distance, count)
  else for (let i = 0; i < count; i++) out[made + i] = out[from + i] as number
}

/** What is there already is a whole number of repetitions: it doubles with each step. */
function copyRepeated(out: Uint8Array, made: number, distance: number, count: number): void {
  out.copyWithin(made, made - distance, made)
  for (let done = distance; done < count; done *= 2) {
    out.copyWithin(made + done, made, made + Math.min(done, count - done))
  }
}
