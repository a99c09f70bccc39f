import type { UnreadRanges } from './interface.js'

/** What stands where nothing is read. */
export const UNREAD_BYTE = 0xff

/** Makes of a module's own copy, in place, what a job needs of it. Throws RangeError for ranges that are not of these bytes. */
export function leaveUnread(bytes: Uint8Array, ranges: UnreadRanges): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const { offset, size, word } of unreadRanges(ranges)) {
    if (offset + size > bytes.length)
      throw new RangeError(`${String(bytes.length)} bytes do not hold ${String(size)} at ${String(offset)}`)
    view.setUint32(offset, word, true)
    bytes.fill(UNREAD_BYTE, offset + 4, offset + size)
  }
}

export interface UnreadRange {
  readonly offset: number
  readonly size: number
  /** What the first four bytes must be, little-endian. */
  readonly word: number
}

/** The ranges one by one. */
export function* unreadRanges(ranges: UnreadRanges): Generator<UnreadRange> {
  for (let i = 0; i + 2 < ranges.length; i += 3) {
    yield { offset: ranges[i] as number, size: ranges[i + 1] as number, word: ranges[i + 2] as number }
  }
}
