/**
 * Which LLVM wrote a file of bitcode: a string in its first block, as LLVM's BitcodeWriter writes it (writeIdentificationBlock). Read here and not by LLVM, for
 * it is asked of files that this LLVM cannot read.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const MAGIC = 0xdec04342
/** A header before it, with the place of the bitcode: what Apple's targets have. */
const WRAPPER_MAGIC = 0x0b17c0de
const WRAPPER_BYTES = 20
const WRAPPER_OFFSET_AT = 8
const IDENTIFICATION_BLOCK = 13
const ARCHIVE_MAGIC = '!<arch>\n'
const ARCHIVE_HEADER_BYTES = 60
const ARCHIVE_SIZE = { from: 48, to: 58 } as const
const HEAD_BYTES = 512
/** The bits of a character, and what they mean. The writer takes the narrowest that holds them all. */
const CHAR6 = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._'
const ENCODINGS: readonly (readonly [bits: number, of: (value: number) => string])[] = [
  [6, (value) => CHAR6.charAt(value)],
  [7, String.fromCharCode],
  [8, String.fromCharCode],
]

/** `23.1.4`; undefined: no bitcode, or not of LLVM's own writer. `head`: its first bytes. */
export function producerOf(head: Buffer): string | undefined {
  if (head.length < WRAPPER_BYTES) return undefined
  // A place within the header itself would lead here again, for ever.
  if (head.readUInt32LE(0) === WRAPPER_MAGIC)
    return producerOf(head.subarray(Math.max(WRAPPER_BYTES, head.readUInt32LE(WRAPPER_OFFSET_AT))))
  if (head.readUInt32LE(0) !== MAGIC) return undefined
  // Abbreviation 1 of 2 bits enters a block; its number has 8 bits.
  if (bitsAt(head, 32, 2) !== 1 || bitsAt(head, 34, 8) !== IDENTIFICATION_BLOCK) return undefined
  const beginBits = 96
  const endBits = Math.min(beginBits + head.readUInt32LE(8) * 32, head.length * 8)
  for (const [bits, character] of ENCODINGS)
    for (let at = beginBits; at + bits <= endBits; at++) {
      let text = ''
      for (let next = at; next + bits <= endBits && 'LLVM'.startsWith(text.slice(0, 4)); next += bits)
        text += character(bitsAt(head, next, bits))
      const version = /^LLVM(\d+\.\d+\.\d+)/.exec(text)?.[1]
      if (version !== undefined) return version
    }
  return undefined
}

function bitsAt(bytes: Buffer, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) value |= (((bytes[(at + i) >> 3] ?? 0) >> ((at + i) & 7)) & 1) << i
  return value
}

/** Of a file, or of each member of an archive. Nothing for a file that cannot be read. */
export function* producersOf(path: string | Uint8Array): Generator<string> {
  let file: number
  try {
    file = openSync(Buffer.from(path), 'r')
  } catch {
    return
  }
  try {
    const status = fstatSync(file)
    if (!status.isFile()) return
    const head = (at: number): Buffer => {
      const buffer = Buffer.alloc(HEAD_BYTES)
      return buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, at))
    }
    const offsets =
      head(0).toString('latin1', 0, ARCHIVE_MAGIC.length) === ARCHIVE_MAGIC ? members(head, status.size) : [0]
    for (const offset of offsets) {
      const producer = producerOf(head(offset))
      if (producer !== undefined) yield producer
    }
  } finally {
    closeSync(file)
  }
}

/** Where the members of an archive begin. */
function* members(head: (at: number) => Buffer, size: number): Generator<number> {
  let at = ARCHIVE_MAGIC.length
  while (at + ARCHIVE_HEADER_BYTES <= size) {
    const bytes = Number(head(at).toString('latin1', ARCHIVE_SIZE.from, ARCHIVE_SIZE.to))
    if (!Number.isInteger(bytes) || bytes < 0) return
    yield at + ARCHIVE_HEADER_BYTES
    at += ARCHIVE_HEADER_BYTES + bytes + (bytes % 2)
  }
}
