import type { JobContent, UnreadRange, UnreadRanges } from 'dtlto/plugin'
import { UNREAD_BYTE, unreadRanges } from 'dtlto/plugin'
import type { BufferPool } from './buffer-pool.js'
import { Lzo1xBlock, type Lzo1xPiece, lzo1xPiece } from './lzo1x-encode.js'

/** Compressing longer than about this many bytes at a stretch would keep the event loop from its sockets. */
const PIECE_BYTES = 1024 * 1024
/** What a range that is left out takes in a block, beside its length. */
const UNREAD_BLOCK_BYTES = 12

interface KnownPiece {
  readonly end: number
  readonly piece: Lzo1xPiece
}

/**
 * A content in compressed pieces, of which blocks are made for many jobs. Each job needs other functions of a module, and most pieces are those of jobs
 * before it: they are compressed once.
 */
export class PackedContent {
  readonly #content: JobContent
  /** By where they begin; none overlap that begin at the same place but the shorter is a part of the longer. */
  readonly #pieces = new Map<number, KnownPiece[]>()
  /** Of all pieces. */
  keptBytes = 0

  constructor(content: JobContent) {
    this.#content = content
  }

  /**
   * The content as one LZO1X block, without what the ranges say is not read. `onPacked` is told how many bytes had to be compressed, some at a time, and is
   * waited for. The block is in a buffer of the pool, if there is one: the caller's to give back.
   */
  async pack(
    unread: UnreadRanges | undefined,
    onPacked: (bytes: number) => Promise<void> | undefined,
    pool?: BufferPool,
  ): Promise<Uint8Array> {
    /** What is read, in pieces, and what is not. */
    const parts: (Lzo1xPiece | UnreadRange)[] = []
    let expectedBytes = 0
    const add = async (from: number, to: number): Promise<void> => {
      for (let at = from; at < to; ) {
        let known = this.#longest(at, to)
        if (known === undefined) {
          known = this.#compress(at, Math.min(to, at + PIECE_BYTES))
          await onPacked(known.end - at)
        }
        parts.push(known.piece)
        expectedBytes += known.piece.bytes.length
        at = known.end
      }
    }
    let at = 0
    for (const range of unread ? unreadRanges(unread) : []) {
      await add(at, range.offset)
      parts.push(range)
      at = range.offset + range.size
      expectedBytes += UNREAD_BLOCK_BYTES + range.size / 255
    }
    await add(at, this.#content.sizeBytes)
    const block = new Lzo1xBlock(Math.ceil(expectedBytes), pool)
    for (const part of parts) {
      if ('bytes' in part) block.add(part)
      else leaveOut(block, part)
    }
    return block.finish()
  }

  #longest(from: number, to: number): KnownPiece | undefined {
    let longest: KnownPiece | undefined
    for (const known of this.#pieces.get(from) ?? [])
      if (known.end <= to && known.end > (longest?.end ?? 0)) longest = known
    return longest
  }

  #compress(from: number, to: number): KnownPiece {
    const piece = pieceOf(this.#content, from, to)
    const known = { end: to, piece }
    const pieces = this.#pieces.get(from)
    if (pieces) pieces.push(known)
    else this.#pieces.set(from, [known])
    this.keptBytes += piece.bytes.length
    return known
  }
}

function leaveOut(block: Lzo1xBlock, { size, word }: UnreadRange): void {
  const begin = new Uint8Array(5)
  for (let i = 0; i < 4; i++) begin[i] = word >>> (8 * i)
  begin[4] = UNREAD_BYTE
  block.literals(begin)
  block.repeatLast(size - begin.length)
}

/** A part of a content, compressed. */
function pieceOf(content: JobContent, from: number, to: number): Lzo1xPiece {
  const lease = content.lease()
  try {
    let offset = 0
    for (const part of lease.parts) {
      if (offset <= from && to <= offset + part.length) return lzo1xPiece(part.subarray(from - offset, to - offset))
      offset += part.length
    }
    return lzo1xPiece(gathered(lease.parts, from, to))
  } finally {
    lease.release()
  }
}

function gathered(parts: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from)
  let offset = 0
  for (const part of parts) {
    const [begin, end] = [Math.max(from, offset), Math.min(to, offset + part.length)]
    if (begin < end) bytes.set(part.subarray(begin - offset, end - offset), begin - from)
    offset += part.length
  }
  return bytes
}
