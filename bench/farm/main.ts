/**
 * A link over an emulated farm. Its machines speak the real protocols and answer with recorded objects after the recorded time, asleep: so two cores stand in
 * for many, while the linker, the wire and the bytes are real. docs/measurements.md says what that leaves out.
 *
 *     npm run bench:farm -- redis|git|ninja|ffmpeg [--wires distcc,worker,reapi,llvm-dtlto] [--slots 8,32,64,128] [--rounds 3] [--record]
 *         [--slots-of-a-machine 16] [--delay-ms MS] [--machine-mbit N] [--uplink-mbit N] [--slow-machines N] [--killed-machines N] [--with=ARGUMENT …]
 *
 * Servers collect their garbage on one thread: on more they would take what is the linker's. The first run over a wire records: a real link, in which every job is compiled. Compare only recordings of one machine and day.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../../scripts/root.mjs'
import { prepare } from '../../test/programs/programs.js'
import { describeMachine, mebibytes, milliseconds, seconds, table } from '../format.js'
import { linkCommand } from '../linkers.js'
import { measure, type Sample } from '../measure.js'
import { positiveInteger } from '../positive-integer.js'
import { programName } from '../program-name.js'
import { sameBytes } from '../same-bytes.js'
import { median } from '../statistics.js'
import { type FarmOptions, wireName } from './farm.js'
import { type FarmLink, linkOverFarm, record, type RowName } from './farm-link.js'
import { Recordings } from './recordings.js'
import { boundMs } from './slots.js'

type ComparedLink = Omit<FarmLink, 'command'> & { readonly identical: boolean }

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    wires: { type: 'string', default: 'distcc' },
    slots: { type: 'string', default: '8,32,64,128' },
    rounds: { type: 'string', default: '3' },
    record: { type: 'boolean', default: false },
    'slots-of-a-machine': { type: 'string', default: '16' },
    'delay-ms': { type: 'string', default: '0' },
    'machine-mbit': { type: 'string', default: '0' },
    'uplink-mbit': { type: 'string', default: '0' },
    'slow-machines': { type: 'string', default: '0' },
    'killed-machines': { type: 'string', default: '0' },
    with: { type: 'string', multiple: true, default: [] },
  },
})
const name = programName(positionals[0])
const wires = given.wires.split(',').map(rowName)
const slotCounts = given.slots.split(',').map((text) => positiveInteger('--slots', text))
const rounds = positiveInteger('--rounds', given.rounds)
const farmOptions: FarmOptions = {
  slotsOfAMachine: positiveInteger('--slots-of-a-machine', given['slots-of-a-machine']),
  speed: {
    delayMs: number('delay-ms'),
    machineMbit: number('machine-mbit'),
    uplinkMbit: number('uplink-mbit'),
  },
  slowMachines: number('slow-machines'),
  killedMachines: number('killed-machines'),
}

const program = await prepare(name, console.error)
const scratch = await mkdtemp(join(tmpdir(), 'dtlto-farm-'))
try {
  const stock = await linkCommand('stock', program, [], 'farm-stock')
  const cached = await linkCommand('stock', program, [`--thinlto-cache-dir=${join(scratch, 'cache')}`], 'farm-cached')
  await measure(cached)
  const stockSamples: Sample[] = []
  const cachedSamples: Sample[] = []
  for (let round = 0; round < rounds; round++) {
    console.error(`stock lld, round ${String(round + 1)} of ${String(rounds)}`)
    stockSamples.push(await measure(stock))
    for (let i = 0; i < 3; i++) cachedSamples.push(await measure(cached))
  }
  const stockMs = median(stockSamples.map(({ wallMs }) => wallMs))
  const cachedMs = median(cachedSamples.map(({ wallMs }) => wallMs))
  const rows: string[][] = []
  for (const wire of wires) {
    const recordings = new Recordings(join(ROOT, 'build/bench/farm', name, wire))
    if (given.record) await recordings.clear()
    if (await recordings.isEmpty()) {
      console.error(`recording ${name} over ${wire}: every job is compiled once`)
      await record(program, wire, recordings)
    }
    // A farm has run for months: what its servers' code costs when it runs for the first time is not measured.
    await link(wire, recordings, Math.max(...slotCounts))
    for (const slots of slotCounts) {
      console.error(`${wire}, ${String(slots)} slots`)
      const links: ComparedLink[] = []
      for (let round = 0; round < rounds; round++) links.push(await link(wire, recordings, slots))
      rows.push(row(wire, slots, links, cachedMs))
    }
  }
  const last = median(stockSamples.map(({ peakBytes }) => peakBytes))
  console.log(`## ${name} ${program.version} over an emulated farm\n`)
  console.log(await describeMachine())
  console.log(
    `- stock lld: ${seconds(stockMs)}, ${mebibytes(last)} at its peak; with all jobs in its cache ${seconds(cachedMs)}`,
  )
  console.log(`- medians of ${String(rounds)} rounds; ${describeFarm()}\n`)
  console.log(
    table(
      [
        'wire',
        'slots',
        'jobs',
        'wall',
        '÷ bound',
        '× as fast as stock',
        "linker's processor time",
        'a job',
        'peak memory',
        'sent',
        'identical',
      ],
      rows,
    ),
  )
  console.log(
    '\nBound: the link with all jobs in the cache + the larger of the longest job and the sum of jobs ÷ slots.',
  )

  async function link(wire: RowName, recordings: Recordings, slots: number): Promise<ComparedLink> {
    const { command, ...made } = await linkOverFarm(program, wire, recordings, slots, farmOptions, given.with)
    return { ...made, identical: await sameBytes(command.output, stock.output) }
  }

  function row(wire: RowName, slots: number, links: readonly ComparedLink[], outsideMs: number): string[] {
    const of = (pick: (link: ComparedLink) => number): number => median(links.map(pick))
    const wallMs = of(({ sample }) => sample.wallMs)
    const leastMs = outsideMs + of(({ totals }) => boundMs(totals, slots))
    const cpuMs = of(({ sample }) => sample.cpuMs)
    const executed = of(({ totals }) => totals.jobs)
    const jobs = of(({ totals }) => totals.times.size)
    return [
      wire,
      String(slots),
      executed === jobs ? String(jobs) : `${jobs} (${executed} executed)`,
      seconds(wallMs),
      (wallMs / leastMs).toFixed(2),
      (stockMs / wallMs).toFixed(1),
      seconds(cpuMs),
      milliseconds(cpuMs / jobs),
      mebibytes(of(({ sample }) => sample.peakBytes)),
      `${(of(({ sentBytes }) => sentBytes) / 1e6).toFixed(0)} MB`,
      links.every(({ identical }) => identical) ? 'yes' : 'no',
    ]
  }
} finally {
  await rm(scratch, { recursive: true, force: true })
}

function rowName(text: string): RowName {
  return text === 'llvm-dtlto' ? text : wireName('--wires, beside llvm-dtlto', text)
}

function number(option: 'delay-ms' | 'machine-mbit' | 'uplink-mbit' | 'slow-machines' | 'killed-machines'): number {
  const value = Number(given[option])
  if (value >= 0 && given[option] !== '') return value
  throw new Error(`--${option}: expected a number but received '${given[option]}'`)
}

function describeFarm(): string {
  const { speed, slotsOfAMachine, slowMachines, killedMachines } = farmOptions
  const parts = [`${String(slotsOfAMachine)} slots a machine`]
  if (speed.delayMs > 0) parts.push(`${String(speed.delayMs)} ms each way`)
  if (speed.machineMbit > 0) parts.push(`${String(speed.machineMbit)} Mbit/s to a machine`)
  if (speed.uplinkMbit > 0) parts.push(`${String(speed.uplinkMbit)} Mbit/s from the linker`)
  if (slowMachines > 0) parts.push(`${String(slowMachines)} machines ten times slower`)
  if (killedMachines > 0) parts.push(`${String(killedMachines)} machines killed in the middle`)
  return parts.join(', ')
}
