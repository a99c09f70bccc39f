/**
 * `npm run demo`: links redis-server, a real program of more than a hundred modules and several archives, with stock
 * lld, with LLVM's own distributed ThinLTO and with dtlto, and compares what comes out and what it took.
 */
import { join } from 'node:path'
import { mebibytes, describeMachine, ratio, seconds, table } from '../bench/format.js'
import { type FarmLink, linkOverFarm, record } from '../bench/farm/farm-link.js'
import { Recordings } from '../bench/farm/recordings.js'
import { filesWritten } from '../bench/files-written.js'
import { type LinkerCommand, linkCommand, LINKER_TITLES, type LinkerName } from '../bench/linkers.js'
import { interleave } from '../bench/measure.js'
import { sameBytes } from '../bench/same-bytes.js'
import { median, pairedRatio } from '../bench/statistics.js'
import { checkProgram, prepare } from '../test/programs/programs.js'
import { ROOT } from './root.mjs'
import { heartbeat } from './heartbeat.mjs'

const ROUNDS = 2

const redis = await prepare('redis', (message) => {
  console.log(`demo: ${message}`)
})
const commands: Readonly<Record<Exclude<LinkerName, 'dtlto-plain'>, LinkerCommand>> = {
  stock: await linkCommand('stock', redis),
  'llvm-dtlto': await linkCommand('llvm-dtlto', redis),
  dtlto: await linkCommand('dtlto', redis),
}
console.log(`demo: linking redis-server ${redis.version}, ${ROUNDS} times with each linker, after once to warm up`)
const samples = await interleave(commands, ROUNDS).finally(heartbeat('demo: linking'))
console.log('demo: linking once more under strace, to see which files are written')

const rows: string[][] = []
for (const name of Object.keys(commands) as (keyof typeof commands)[]) {
  const command = commands[name]
  const written = await filesWritten(command, [command.output])
  await checkProgram(redis, command.output)
  rows.push([
    LINKER_TITLES[name],
    seconds(median(wallTimes(name))),
    name === 'stock' ? '1' : ratio(pairedRatio(wallTimes(name), wallTimes('stock'))),
    mebibytes(median(samples[name].map(({ peakBytes }) => peakBytes))),
    String(written.length),
    name === 'stock' ? '' : (await sameBytes(command.output, commands.stock.output)) ? 'yes' : 'no',
  ])
}

const FARM_SLOTS = 32
const recordings = new Recordings(join(ROOT, 'build/bench/farm/redis/distcc'))
console.log('demo: linking over an emulated farm: each job once by a real compiler, then from recorded answers')
const farm = await overFarm().finally(heartbeat('demo: linking over an emulated farm'))
rows.push([
  `dtlto, emulated farm of ${FARM_SLOTS} slots*`,
  seconds(median(farm.map(({ sample }) => sample.wallMs))),
  ratio(
    pairedRatio(
      farm.map(({ sample }) => sample.wallMs),
      wallTimes('stock'),
    ),
  ),
  mebibytes(median(farm.map(({ sample }) => sample.peakBytes))),
  '',
  (await sameBytes(farm[0]?.command.output ?? '', commands.stock.output)) ? 'yes' : 'no',
])

console.log(`\n${await describeMachine()}\n`)
console.log(table(['linker', 'wall time', '× stock lld', 'peak memory', 'files written', 'identical to stock'], rows))
console.log(
  '\nMedians; × stock lld within a round, with the smallest and the largest. Peak memory is that of the largest single process; files are counted without the output.',
)
console.log(
  '* Over the wire of distcc, to servers on this machine that answer with recorded objects after the time that they once took, asleep. A real farm has real networks.',
)
console.log('Each redis-server was started and answered PING.')

// The promise that the demo is about.
const identical = await sameBytes(commands.dtlto.output, commands.stock.output)
process.exitCode = identical ? 0 : 1

async function overFarm(): Promise<readonly FarmLink[]> {
  await recordings.clear()
  await record(redis, 'distcc', recordings)
  const links: FarmLink[] = []
  for (let round = 0; round < ROUNDS; round++) links.push(await linkOverFarm(redis, 'distcc', recordings, FARM_SLOTS))
  return links
}

function wallTimes(name: keyof typeof commands): number[] {
  return samples[name].map(({ wallMs }) => wallMs)
}
