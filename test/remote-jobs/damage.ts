/** Damaged job messages. Blobs are named by their digests, so damage to one is seen before LLVM reads it. */
import type { Random } from './random.js'

const HEADER_BYTES = 16
const HOSTILE_SIZES = [
  '0',
  '1',
  '4294967295',
  '9223372036854775807',
  '18446744073709551615',
  '18446744073709551616',
  '-1',
  '99999999999999999999999',
]
const HOSTILE_WORDS = [
  '',
  '"',
  '"\\',
  '"\\0',
  '../../etc/passwd',
  'a'.repeat(200),
  '\0',
  '0x10',
  'blob',
  'known',
  'keep',
  'own',
  'index',
  '\n',
]

/** One damaged message of each kind that there is, by chance. What was done is the first member. */
export function damaged(message: Buffer, random: Random): readonly [what: string, bytes: Buffer] {
  const kind = random.pick(Object.keys(KINDS) as (keyof typeof KINDS)[])
  return [kind, KINDS[kind](message, random)]
}

const KINDS = {
  truncated: (message, random) => message.subarray(0, random.below(message.length)),
  'bytes changed': (message, random) => flip(message, random, message.length),
  'header changed': (message, random) => flip(message, random, HEADER_BYTES),
  'text changed': (message, random) => flip(message, random, HEADER_BYTES + textBytes(message)),
  'text size': (message, random) => {
    const bytes = Buffer.from(message)
    bytes.writeUInt32LE(random.pick([0, 1, textBytes(message) - 1, textBytes(message) + 1, 2 ** 26, 2 ** 32 - 1]), 4)
    return bytes
  },
  'body size': (message, random) => {
    const bytes = Buffer.from(message)
    const size = bytes.readBigUInt64LE(8)
    const sizes = [0n, size - 1n, size + 1n, 2n ** 33n, 2n ** 34n, 2n ** 63n, 2n ** 64n - 1n]
    bytes.writeBigUInt64LE(BigInt.asUintN(64, random.pick(sizes)), 8)
    return bytes
  },
  'word replaced': (message, random) => {
    const words = text(message).split(/(?<=[ \n])|(?=[ \n])/)
    words[random.below(words.length)] = random.pick([...HOSTILE_SIZES, ...HOSTILE_WORDS])
    return withText(message, words.join(''))
  },
  'size replaced': (message, random) => {
    const lines = text(message).split('\n')
    const at = lines.findIndex((line) => line.startsWith('blob')) + random.below(4)
    lines[at] = lines[at]?.replace(/\d+ (send|keep|known)$/, `${random.pick(HOSTILE_SIZES)} $1`) ?? ''
    return withText(message, lines.join('\n'))
  },
  'lines in another order': (message, random) => {
    const lines = text(message).split('\n')
    const [moved = ''] = lines.splice(random.below(lines.length), 1)
    if (random.below(2) === 0) lines.splice(random.below(lines.length), 0, moved)
    if (random.below(2) === 0) lines.splice(random.below(lines.length), 0, moved)
    return withText(message, lines.join('\n'))
  },
  'message in a message': (message, random) => {
    const at = random.below(message.length)
    return Buffer.concat([message.subarray(0, at), message, message.subarray(at)])
  },
} satisfies Record<string, (message: Buffer, random: Random) => Buffer>

function flip(message: Buffer, random: Random, below: number): Buffer {
  const bytes = Buffer.from(message)
  for (let count = 1 + random.below(4); count > 0; count--) bytes[random.below(below)] = random.below(256)
  return bytes
}

function textBytes(message: Buffer): number {
  return message.readUInt32LE(4)
}

function text(message: Buffer): string {
  return message.toString('latin1', HEADER_BYTES, HEADER_BYTES + textBytes(message))
}

/** Another text with the right size, so that the reader gets to it. */
function withText(message: Buffer, changed: string): Buffer {
  const bytes = Buffer.from(changed, 'latin1')
  const header = Buffer.from(message.subarray(0, HEADER_BYTES))
  header.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([header, bytes, message.subarray(HEADER_BYTES + textBytes(message))])
}
