/**
 * What does distcc cost? Links a real program over one stock distccd on this machine, with two slots, and with two threads of the
 * linker, in turns; then takes the difference apart.
 *
 *     node --import tsx bench/distcc.ts redis|git|ninja [--pairs N] [--delay-ms N] [--loss-percent N]
 *
 * With a delay or a loss the server is in a network namespace, behind a wire that delays or loses packets in each direction.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cable } from '../packages/distributor-distcc/src/testing/cable.js'
import { Distccd, whyNoDistccd } from '../packages/distributor-distcc/src/testing/distccd.js'
import { STOCK } from '../test/link/toolchain.js'
import { checkProgram, prepare } from '../test/programs/programs.js'
import { type Bytes, LANES, measureParts, type Parts, sum } from './distcc-parts.js'
import { describeMachine, mebibytes, milliseconds, ratio, seconds, table } from './format.js'
import { linkCommand, type LinkerCommand } from './linkers.js'
import { measure, type Sample } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { programName } from './program-name.js'
import { sameBytes } from './same-bytes.js'
import { median, pairedRatio } from './statistics.js'

/** Sums over the attempts of a link, in milliseconds: what the trace knows. */
interface Times {
  readonly attempts: number
  readonly wholeMs: number
  readonly queuedMs: number
  readonly sendMs: number
  readonly compileMs: number
  readonly receiveMs: number
}

type Row = 'local' | 'distcc'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '5' },
    'delay-ms': { type: 'string', default: '0' },
    'loss-percent': { type: 'string', default: '0' },
  },
})
const name = programName(positionals[0])
const pairs = positiveInteger('--pairs', options.pairs)
const wire = { delayMs: number('delay-ms', 10_000), lossPercent: number('loss-percent', 100) }
const isPoor = wire.delayMs > 0 || wire.lossPercent > 0
const unable = whyNoDistccd() ?? (isPoor ? Cable.whyNot(wire) : undefined)
if (unable !== undefined) throw new Error(unable)

const program = await prepare(name, console.error)
const cable = isPoor ? Cable.lay(wire) : undefined
const place = cable && { wrapper: cable.wrapper, listen: cable.address, allow: cable.network }
const server = await Distccd.start({ jobs: LANES, stats: false, ...place })
const samples: Record<Row, Sample[]> = { local: [], distcc: [] }
const times: Record<Row, Times[]> = { local: [], distcc: [] }
let identical = false
let parts: Parts
try {
  const commands: Record<Row, LinkerCommand & { readonly trace: string }> = {
    local: await traced('local', [`--thinlto-jobs=${LANES}`]),
    distcc: await traced('distcc', [
      `--distribute=distcc,stats-port=0,hosts=${server.address}/${LANES}`,
      '--distribute-fallback=none',
    ]),
  }
  // Interleaved like measure.ts does it, but every link has a trace to be read. Round 0 warms up.
  for (let round = 0; round <= pairs; round++) {
    if (round > 0) console.error(`round ${round} of ${pairs}`)
    for (const row of round % 2 === 0 ? (['local', 'distcc'] as const) : (['distcc', 'local'] as const)) {
      const sample = await measure(commands[row])
      if (round === 0) continue
      samples[row].push(sample)
      times[row].push(await readTrace(commands[row].trace))
    }
  }
  await checkProgram(program, commands.distcc.output)
  identical = await sameBytes(commands.local.output, commands.distcc.output)
  console.error('the jobs, part by part')
  process.chdir(program.directory)
  parts = await measureParts([STOCK, ...program.linkArgs, '-o', join(commands.local.output, '../unused')], server)
} finally {
  await server.stop()
  cable?.remove()
}

const count = parts.jobs.length
console.log(`## ${name} ${program.version}, ${count} jobs: ${pairs} interleaved rounds after one to warm up\n`)
console.log(await describeMachine())
if (isPoor) console.log(`- a wire that delays by ${wire.delayMs} ms and loses ${wire.lossPercent} % in each direction`)
console.log()
console.log(
  table(
    ['backends', 'wall', '× local', "linker's cpu", "linker's peak memory", 'identical'],
    [
      [`${LANES} threads of the linker`, ...cells('local'), ''],
      [`one distccd with ${LANES} slots`, ...cells('distcc'), identical ? 'yes' : 'no'],
    ],
  ),
)

const over = (key: keyof Times): number => median(times.distcc.map((each) => each[key]))
const inLinker = median(times.distcc.map((t) => t.wholeMs - t.queuedMs - t.sendMs - t.compileMs - t.receiveMs))
const total = (key: 'describeMs' | 'deliverMs' | 'clangMs' | 'inProcessMs'): number =>
  parts.jobs.reduce((ms, job) => ms + job[key], 0)
const perJob = (ms: number): string[] => [seconds(ms), milliseconds(ms / count)]
console.log('\n### Time of jobs in the links, from their traces\n')
console.log(
  table(
    ['part', 'in all', 'per job'],
    [
      ['in threads of the linker', ...perJob(median(times.local.map(({ wholeMs }) => wholeMs)))],
      ['over distcc', ...perJob(over('wholeMs'))],
      ['– waiting for a slot', ...perJob(over('queuedMs'))],
      ['– in the linker: index, LZO, looking at the object', ...perJob(inLinker)],
      ['– until the kernel has the request', ...perJob(over('sendMs'))],
      ['– until the first byte of the answer', ...perJob(over('compileMs'))],
      ['– until the last byte of the answer', ...perJob(over('receiveMs'))],
    ],
  ),
)
console.log(`\nAttempts over distcc: ${over('attempts')}.`)

console.log('\n### The same jobs outside of a link, part by part\n')
console.log(
  table(
    ['part', 'in all', 'per job'],
    [
      ["index and options, in the linker's process", ...perJob(total('describeMs'))],
      ['LZO of every file once, in the linker', ...perJob(parts.packMs)],
      ['transfer, LZO decoding and files on the server', ...perJob(total('deliverMs'))],
      ['start of clang by distccd (a tiny job)', ...perJob(parts.startOverDistccMs * count)],
      ['clang on files of this machine, beyond its start', ...perJob(total('clangMs') - parts.startHereMs * count)],
      ["compiling in the linker's process", ...perJob(total('inProcessMs'))],
    ],
  ),
)

const sent = sum(parts.jobs.map((job) => job.sent))
const imported = sum(parts.jobs.map((job) => job.imported))
const bytesRow = (title: string, all: Bytes, each: readonly Bytes[]): string[] => [
  title,
  mebibytes(all.plain),
  mebibytes(all.packed),
  each.length === 0 ? '' : kibibytes(median(each.map(({ plain }) => plain))),
  each.length === 0 ? '' : kibibytes(median(each.map(({ packed }) => packed))),
]
console.log('\n### Bytes\n')
console.log(
  table(
    ['what', 'in all', 'on the wire', 'a job, median', 'on the wire'],
    [
      bytesRow(
        'sent',
        sent,
        parts.jobs.map((job) => job.sent),
      ),
      bytesRow(
        'of that, modules imported from, of which the wire has what is read',
        imported,
        parts.jobs.map((job) => job.imported),
      ),
      bytesRow('every file once', parts.unique, []),
    ],
  ),
)
console.log(`\nEvery file is sent ${(sent.packed / parts.unique.packed).toFixed(1)} times, weighted by size.`)
console.log(
  '\nMedians over the rounds; ratios are medians of the ratios within a round, with the smallest and the largest.',
)
console.log(`Parts are elapsed times, ${LANES} jobs at a time on the same cores as the linker.`)

function number(option: 'delay-ms' | 'loss-percent', most: number): number {
  const value = Number(options[option])
  if (value >= 0 && value <= most) return value
  throw new Error(`expected a number from 0 to ${most} for --${option} but received '${options[option]}'`)
}

async function traced(row: Row, extra: readonly string[]): Promise<LinkerCommand & { readonly trace: string }> {
  const plain = await linkCommand('dtlto', program, extra, `distcc-${row}`)
  const trace = `${plain.output}.trace.json`
  return { ...plain, argv: [...plain.argv, `--distribute-trace=${trace}`], trace }
}

async function readTrace(path: string): Promise<Times> {
  const { traceEvents } = JSON.parse(await readFile(path, 'utf8')) as {
    traceEvents: { cat?: string; dur?: number; args?: Readonly<Record<string, unknown>> }[]
  }
  const events = traceEvents.filter(({ cat }) => cat === 'compile')
  const all = (key: string): number => events.reduce((ms, { args }) => ms + Number(args?.[key] ?? 0), 0)
  return {
    attempts: events.length,
    wholeMs: events.reduce((us, { dur = 0 }) => us + dur, 0) / 1000,
    queuedMs: all('queuedMs'),
    sendMs: all('sendMs'),
    compileMs: all('compileMs'),
    receiveMs: all('receiveMs'),
  }
}

function cells(row: Row): string[] {
  const column = (of: Row, key: keyof Sample): number[] => samples[of].map((sample) => sample[key])
  return [
    seconds(median(column(row, 'wallMs'))),
    row === 'local' ? '1' : ratio(pairedRatio(column(row, 'wallMs'), column('local', 'wallMs'))),
    seconds(median(column(row, 'cpuMs'))),
    mebibytes(median(column(row, 'peakBytes'))),
  ]
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`
}
