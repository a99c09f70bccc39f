/** What a server can answer in place of what it should, by chance and repeatable. */
import { lzo1x } from '../../packages/dtlto/src/distributors/lzo1x.js'
import { token } from '../../packages/distributor-distcc/src/request.js'
import type { Random } from '../remote-jobs/random.js'
import { encodeAnswer, type GoodAnswer } from './recording-server.js'

type Wrong = (good: GoodAnswer, all: readonly GoodAnswer[], random: Random) => Buffer

const flipped = (bytes: Buffer, random: Random, from = 0): Buffer => {
  const copy = Buffer.from(bytes)
  const at = from + random.below(copy.length - from)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  return copy
}

const TEXTS = [
  'warning: main.o: something [-Wsomething]\n',
  'bash: warning: setlocale: LC_ALL: cannot change locale (xx)\n',
  '\x1b[2J\x1b]0;title\x07\r\u202e\u009b1m',
  'ld.lld: error: undefined symbol: forged\n>>> referenced by nobody\n',
  'Error running ThinLTO backend: no\n',
  '\0\0\0',
]

/** So many zeros, in few bytes: a match of LZO1X may be of any length. */
function bomb(sizeBytes: number): Buffer {
  const zeros = Math.floor(sizeBytes / 255)
  // Four literals, a match of distance 1 and that length, the end.
  return Buffer.concat([
    Buffer.from([21, 0x7f, 0x45, 0x4c, 0x46, 32]),
    Buffer.alloc(zeros),
    Buffer.from([1, 0, 0, 17, 0, 0]),
  ])
}

const raw = (serr: Buffer, sout: Buffer, doto: Buffer, status = 0): Buffer =>
  Buffer.concat([
    Buffer.from(token('DONE', 3) + token('STAT', status)),
    ...(
      [
        ['SERR', serr],
        ['SOUT', sout],
        ['DOTO', doto],
      ] as const
    ).flatMap(([name, bytes]) => [Buffer.from(token(name, bytes.length)), bytes]),
  ])
const NOTHING = Buffer.alloc(0)

/** None of these may be seen in the link's output. */
export const HARMLESS: Readonly<Record<string, Wrong>> = {
  'the right answer': (good) => encodeAnswer(good),
  'a text beside the object': (good, _, random) => encodeAnswer({ ...good, stderr: random.pick(TEXTS) }),
  'a text on stdout': (good, _, random) => encodeAnswer({ ...good, stdout: random.pick(TEXTS) }),
  'much text': (good, _, random) => encodeAnswer({ ...good, stderr: 'x'.repeat(random.below(300_000)) }),
  'a bomb of text': (good) => raw(bomb(300_000_000), NOTHING, lzo1xed(good.object)),
  'a bomb of an object': () => raw(NOTHING, NOTHING, bomb(2_000_000_000)),
  'an exit code': (good, _, random) =>
    encodeAnswer({ ...good, status: random.below(256) << 8, stderr: random.pick(TEXTS) }),
  'a signal': (_, __, random) => encodeAnswer({ status: 1 + random.below(126) }),
  'no object': () => encodeAnswer({}),
  'an object that is cut off': (good, _, random) =>
    encodeAnswer({ object: good.object.subarray(0, random.below(good.object.length)) }),
  'an answer that is cut off': (good, _, random) => {
    const answer = encodeAnswer(good)
    return answer.subarray(0, random.below(answer.length))
  },
  'another module’s object': (_, all, random) => encodeAnswer({ object: random.pick(all).object }),
  'bytes by chance': (_, __, random) =>
    Buffer.from(Array.from({ length: random.below(3000) }, () => random.below(256))),
  'an object of bytes by chance': (good, _, random) =>
    encodeAnswer({
      object: Buffer.concat([
        good.object.subarray(0, 20),
        Buffer.from(Array.from({ length: 500 }, () => random.below(256))),
      ]),
    }),
  'sizes by chance': (good, _, random) => {
    const answer = encodeAnswer(good)
    const at = random.pick([24, 36, 48]) + 4
    answer.write(random.pick(['ffffffff', '7fffffff', '00000001', '0000zzzz', '10000000']), at, 'latin1')
    return answer
  },
  'a wrong token': (good, _, random) => {
    const answer = encodeAnswer(good)
    return Buffer.concat([flipped(answer.subarray(0, 24), random), answer.subarray(24)])
  },
}

/** One bit of the object is wrong: where it says nothing about the object's form nobody can know. */
export const FLIPPED: Wrong = (good, _, random) => encodeAnswer({ object: flipped(good.object, random) })

const lzo1xed = (bytes: Uint8Array): Buffer => Buffer.from(lzo1x().compress(bytes))
