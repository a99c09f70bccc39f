import { native } from '@dtlto/native'
import type { UnreadRanges } from './interface.js'

/** Compressed pieces of one content, of which blocks for further jobs are made: what was compressed for a job is not compressed again. */
export interface PackedPieces {
  /** Bytes that they take. */
  readonly keptBytes: number
  /** Lets go of all; blocks that are being made still come. */
  forget(): void
}

/** A content of which a block is made. */
export interface ContentToPack {
  /** One after the other, as `lease()` gives them. */
  readonly parts: readonly Uint8Array[]
  /** What the block need not hold. */
  readonly unread?: UnreadRanges | undefined
  /** Those of this content, for the blocks of other jobs; without, nothing is kept. */
  readonly pieces?: PackedPieces | undefined
  /** Where the block goes: of `mostBytes` or more. */
  readonly into: Uint8Array
}

export interface PackedBlock {
  /** The beginning of `into`; 0 bytes for an empty content. */
  readonly block: Uint8Array
  /** Of the content, how many bytes had to be compressed for it. */
  readonly compressedBytes: number
}

/**
 * LZO1X, raw blocks. What returns promises works on Node's threads: what is given must stay where it is until they have settled. Views on the linker's memory do, also when the
 * link goes on.
 */
export interface Lzo1x {
  /** One block of 1 byte to 1 GiB, at once: for what is small. Throws an Error for nothing, which has no block. */
  compress(bytes: Uint8Array): Uint8Array
  /**
   * The bytes of a block; undefined if they are more than `limitBytes`. `reserve` is called with their exact number before memory is taken for them, and may wait. Rejects with an
   * Error that says what is wrong with a damaged block.
   */
  decompress(
    block: Uint8Array,
    limitBytes: number,
    reserve?: (sizeBytes: number) => Promise<void>,
  ): Promise<Uint8Array | undefined>
  /** Pieces of a content of which nothing has been compressed yet. */
  pieces(): PackedPieces
  /** The most bytes that the block of a content of `sizeBytes` can have. */
  mostBytes(sizeBytes: number, unread?: UnreadRanges): number
  /** A block of each content, in one go. Rejects with an Error if one has no room, or for ranges that are not of the content. */
  pack(contents: readonly ContentToPack[]): Promise<readonly PackedBlock[]>
}

/** Of a range that is not read, beside its length: its first word, one byte more, and the counts of these and of the repetition. */
const RANGE_BYTES = 24
/** A range of one word is as what is read: bytes, in a run of others. */
const WORD_BYTES = 4

const functions: Lzo1x = {
  compress: (bytes) => native().lzo1x.compress(bytes),

  async decompress(block, limitBytes, reserve) {
    const { lzo1x } = native()
    const sizeBytes = await lzo1x.decompressedSize(block, Math.min(limitBytes, Number.MAX_SAFE_INTEGER))
    if (sizeBytes > limitBytes) return undefined
    await reserve?.(sizeBytes)
    const bytes = new Uint8Array(sizeBytes)
    await lzo1x.decompress(block, bytes)
    return bytes
  },

  pieces: () => new (native().lzo1x.Pieces)(),

  /** Literals grow by less than a sixteenth (worstCase in lzo1x.h). */
  mostBytes(sizeBytes, unread) {
    let read = sizeBytes
    let ranges = 0
    for (let size = 1; unread !== undefined && size < unread.length; size += 3) {
      const bytes = unread[size] as number
      if (bytes === WORD_BYTES) continue
      read -= bytes
      ranges += RANGE_BYTES + Math.ceil(bytes / 255)
    }
    return read + Math.ceil(read / 16) + ranges + 80
  },

  async pack(contents) {
    const sizes = await native().lzo1x.pack(contents)
    return contents.map(({ into }, i) => ({
      block: into.subarray(0, sizes[2 * i]),
      compressedBytes: sizes[2 * i + 1] as number,
    }))
  },
}

export function lzo1x(): Lzo1x {
  return functions
}
