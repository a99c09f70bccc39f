/**
 * `npm run demo`: links redis-server, a real program of more than a hundred modules and several archives, with stock
 * lld, with LLVM's own distributed ThinLTO and with dtlto, and compares what comes out and what it took. Once with each, since somebody waits:
 * for numbers to rely on there is `npm run bench`.
 */
import { join } from 'node:path'
import { describeMachine, mebibytes, seconds, table } from '../bench/format.js'
import { linkOverFarm, record } from '../bench/farm/farm-link.js'
import { Recordings } from '../bench/farm/recordings.js'
import { filesWritten } from '../bench/files-written.js'
import { type LinkerCommand, linkCommand, LINKER_TITLES } from '../bench/linkers.js'
import { measure, type Sample } from '../bench/measure.js'
import { sameBytes } from '../bench/same-bytes.js'
import { checkProgram, prepare } from '../test/programs/programs.js'
import { heartbeat } from './heartbeat.mjs'
import { ROOT } from './root.mjs'

interface Measured {
  readonly title: string
  readonly command: LinkerCommand
  readonly sample: Sample
  /** That were written beside the output; unknown where it was not looked at. */
  readonly files?: number
}

const FARM_SLOTS = 32

const redis = await prepare('redis', (message) => {
  console.log(`demo: ${message}`)
})
const stock = await link('stock')
const others = [await link('llvm-dtlto'), await link('dtlto'), await linkWithFarm()]

console.log(`\n${await describeMachine()}\n`)
console.log(
  table(
    ['linker', 'wall time', '× stock lld', 'peak memory', 'files written', 'identical to stock'],
    [
      row(stock, ''),
      ...(await Promise.all(others.map(async (one) => row(one, (await isIdentical(one)) ? 'yes' : 'no')))),
    ],
  ),
)
console.log(
  '\nOne link each; npm run bench -- redis makes several rounds. Peak memory is that of the largest single process; files are counted without the output.',
)
console.log(
  '* Over the wire of distcc, to servers on this machine that answer with recorded objects after the time that they once took, asleep. A real farm has real networks.',
)
console.log('Each redis-server was started and answered PING.')

// The promise that the demo is about.
const promised = await Promise.all(others.slice(1).map(isIdentical))
process.exitCode = promised.every(Boolean) ? 0 : 1

async function link(linker: 'stock' | 'llvm-dtlto' | 'dtlto'): Promise<Measured> {
  const title = LINKER_TITLES[linker]
  console.log(`demo: linking redis-server ${redis.version} with ${title}`)
  const stop = heartbeat(`demo: linking with ${title}`)
  try {
    // Which files there are does not depend on what backends do to the code. So the link under strace, which also warms the machine up, does little.
    const traced = await linkCommand(linker, redis, ['--lto-O0', '--lto-CGO0'], `${linker}-traced`)
    const { length: files } = await filesWritten(traced, [traced.output])
    const command = await linkCommand(linker, redis)
    const sample = await measure(command)
    await checkProgram(redis, command.output)
    return { title, command, sample, files }
  } finally {
    stop()
  }
}

async function linkWithFarm(): Promise<Measured> {
  const title = `dtlto, emulated farm of ${String(FARM_SLOTS)} slots*`
  console.log('demo: linking over an emulated farm: each job once by a real compiler, then from recorded answers')
  const stop = heartbeat('demo: linking over an emulated farm')
  try {
    const recordings = new Recordings(join(ROOT, 'build/bench/farm/redis/distcc'))
    await recordings.clear()
    await record(redis, 'distcc', recordings)
    const { command, sample } = await linkOverFarm(redis, 'distcc', recordings, FARM_SLOTS)
    return { title, command, sample }
  } finally {
    stop()
  }
}

function row({ title, sample, files }: Measured, identical: string): readonly string[] {
  const { wallMs, peakBytes } = sample
  const ratio = (wallMs / stock.sample.wallMs).toFixed(2)
  return [title, seconds(wallMs), ratio, mebibytes(peakBytes), String(files ?? ''), identical]
}

function isIdentical({ command }: Measured): Promise<boolean> {
  return sameBytes(command.output, stock.command.output)
}
