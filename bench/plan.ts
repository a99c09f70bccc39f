/**
 * `dtlto plan` against what it foretells: a link over an emulated farm (bench/farm) of a few slots is recorded, planned for others, and linked over farms that have them. Links
 * of all numbers of slots are interleaved, and each round plans with its own recording: the machine may be busy, and what it does to one it does to the other.
 *
 *     node --import tsx bench/plan.ts [redis|git|ninja …] [--slots 8,32,128] [--recorded 8] [--rounds 3] [--wire distcc]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { planOf } from '../packages/dtlto/src/cli/plan.js'
import { SLOTS_OF_MACHINE } from '../packages/dtlto/src/plan/plan-link.js'
import type { ReportDocument } from '../packages/dtlto/src/report/report-document.js'
import { ROOT } from '../scripts/root.mjs'
import { prepare, type Program, type ProgramName } from '../test/programs/programs.js'
import { wireName } from './farm/farm.js'
import { linkOverFarm, PLAIN_FARM, record } from './farm/farm-link.js'
import { Recordings } from './farm/recordings.js'
import { describeMachine, seconds, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { programName } from './program-name.js'
import { median } from './statistics.js'

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    slots: { type: 'string', default: '8,32,128' },
    recorded: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    wire: { type: 'string', default: 'distcc' },
  },
})
const names = (positionals.length === 0 ? ['redis', 'git'] : positionals).map(programName)
const wire = wireName('--wire', given.wire)
const recorded = positiveInteger('--recorded', given.recorded)
const slotCounts = given.slots.split(',').map((text) => positiveInteger('--slots', text))
const rounds = positiveInteger('--rounds', given.rounds)

interface Compared {
  readonly plannedMs: number
  readonly linkedMs: number
}

const scratch = await mkdtemp(join(tmpdir(), 'dtlto-plan-'))
try {
  const rows: string[][] = []
  for (const name of names) rows.push(...(await compare(name)))
  console.log(`## dtlto plan against an emulated farm over ${wire}\n`)
  console.log(await describeMachine())
  console.log(
    `- recorded on ${String(recorded)} slots, planned for others; time of the backends, medians of ${String(rounds)} rounds; ratios within a round`,
  )
  console.log(`- load of the machine at the end: ${loadavg()[0]?.toFixed(1) ?? 'unknown'}\n`)
  console.log(table(['program', 'slots', 'jobs', 'planned', 'linked', 'planned ÷ linked'], rows))
} finally {
  await rm(scratch, { recursive: true, force: true })
}

async function compare(name: ProgramName): Promise<string[][]> {
  const program = await prepare(name, console.error)
  const recordings = new Recordings(join(ROOT, 'build/bench/farm', name, wire))
  if (await recordings.isEmpty()) {
    console.error(`recording ${name} over ${wire}: every job is compiled once`)
    await record(program, wire, recordings)
  }
  const compared = new Map<number, Compared[]>(slotCounts.map((slots) => [slots, []]))
  let jobs = 0
  for (let round = 0; round < rounds; round++) {
    console.error(`${name}, round ${String(round + 1)} of ${String(rounds)}`)
    const report = await link(program, recordings, recorded)
    const plan = await planOf(report, { slots: slotCounts, latencyMs: 0 })
    jobs = report.jobs.length
    for (const { slots, backendsMs } of plan?.points ?? []) {
      const { analysis } = slots === recorded ? report : await link(program, recordings, slots)
      compared.get(slots)?.push({ plannedMs: backendsMs, linkedMs: analysis.backendsMs })
    }
  }
  return [...compared].map(([slots, pairs]) => {
    const ratios = pairs.map(({ plannedMs, linkedMs }) => plannedMs / linkedMs)
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
    return [
      name,
      String(slots),
      String(jobs),
      seconds(median(pairs.map(({ plannedMs }) => plannedMs))),
      seconds(median(pairs.map(({ linkedMs }) => linkedMs))),
      `${median(ratios).toFixed(2)} (${spread})`,
    ]
  })
}

async function link(program: Program, recordings: Recordings, slots: number): Promise<ReportDocument> {
  const path = join(scratch, 'link.json')
  const farm = { ...PLAIN_FARM, slotsOfAMachine: SLOTS_OF_MACHINE }
  await linkOverFarm(program, wire, recordings, slots, farm, [`--distribute-report=${path}`])
  return JSON.parse(await readFile(path, 'utf8')) as ReportDocument
}
