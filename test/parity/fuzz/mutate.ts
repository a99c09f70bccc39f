import type { Random } from './random.js'

/** Damage of the kinds that disks, networks and careless tools do, and a few that only an enemy would. */
type Mutation = (bytes: Buffer, random: Random) => Buffer

const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x0a, 0x2f]

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    return bytes
  },
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.pick(interesting)
    return bytes
  },
  function setWord(bytes, random) {
    if (bytes.length < 4) return bytes
    const value = random.pick([0, 1, 0xffffffff, 0x7fffffff, bytes.length, bytes.length + 1, random.below(2 ** 32)])
    bytes.writeUInt32LE(value, random.below(bytes.length - 3) & ~3)
    return bytes
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length))
  },
  function append(bytes, random) {
    return Buffer.concat([bytes, Buffer.alloc(1 + random.below(64), random.pick(interesting))])
  },
  function remove(bytes, random) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(32))])
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length)
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.alloc(1 + random.below(16), random.pick(interesting)),
      bytes.subarray(at),
    ])
  },
  function copyChunk(bytes, random) {
    bytes.copyWithin(random.below(bytes.length), random.below(bytes.length), random.below(bytes.length))
    return bytes
  },
  function zeroChunk(bytes, random) {
    const at = random.below(bytes.length)
    return bytes.fill(0, at, Math.min(bytes.length, at + 1 + random.below(256)))
  },
  function editNumber(bytes, random) {
    // Archives hold their sizes and offsets as decimal text.
    const digits = [...bytes.toString('latin1').matchAll(/\d+/g)].slice(0, 400)
    if (digits.length === 0) return bytes
    const found = random.pick(digits)
    const text = random.pick(['0', '1', '99999999', '4294967295', '-1', String(random.below(10_000))])
    bytes.write(text.slice(0, found[0].length).padEnd(found[0].length), found.index, 'latin1')
    return bytes
  },
]

/** One to four mutations; where the damage is near the front, it is in headers more often. */
export function mutate(
  original: Buffer,
  random: Random,
): { readonly bytes: Buffer; readonly steps: readonly string[] } {
  let bytes: Buffer = Buffer.from(original)
  const steps: string[] = []
  for (let count = 1 + random.below(4); count > 0 && bytes.length > 0; count--) {
    const mutation = random.pick(mutations)
    if (random.below(3) === 0) {
      const front = Math.min(bytes.length, 256)
      bytes = Buffer.concat([mutation(Buffer.from(bytes.subarray(0, front)), random), bytes.subarray(front)])
    } else {
      bytes = mutation(bytes, random)
    }
    steps.push(mutation.name)
  }
  return { bytes, steps }
}
