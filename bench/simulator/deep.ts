/**
 * Very large links: the real scheduler, thousands of machines that are an endpoint each, one wire that all requests leave by, and a clock that jumps.
 *
 *     node --import tsx bench/simulator/deep.ts [--jobs 50000] [--machines 5000]
 *
 * *Bound* is the largest of the longest job, work ÷ what the machines really do, and all bytes ÷ the uplink. *Ailing*: of the machines 2 % fail every job, 2 % hang, 2 % are ten
 * times slower and 2 % are switched off after five seconds, and of the answers 1 % are lost. Processor time and memory hold the simulation's own part. Each row is one draw, the same at every
 * run.
 */
import { parseArgs } from 'node:util'
import { table } from '../format.js'
import { positiveInteger } from '../positive-integer.js'
import type { LargeFarm } from './large-farm.js'
import { simulateLarge } from './large-link.js'
import { syntheticLink } from './links.js'

const { values: given } = parseArgs({
  options: { jobs: { type: 'string', default: '50000' }, machines: { type: 'string', default: '5000' } },
})
const jobs = positiveInteger('--jobs', given.jobs)
const machines = positiveInteger('--machines', given.machines)

const BYTES_PER_MS_OF_GBIT = 125_000
const TARGET = 1.1
const GOOD = { slotsOfAMachine: 2, latencyMs: { least: 1, most: 40 } }
const AILING = { ...GOOD, ailing: { fails: 0.02, hangs: 0.02, slow: 0.02, dies: 0.02 }, lostShare: 0.01 }

const rows: string[][] = []
// A tenth of both, to see what grows faster than they do.
for (const [jobsOfRow, machinesOfRow] of [
  [jobs / 10, machines / 10],
  [jobs, machines],
] as const) {
  const link = syntheticLink(jobsOfRow)
  for (const gbit of [Infinity, 10, 1]) {
    for (const [state, farm] of [
      ['good', GOOD],
      ['ailing', AILING],
    ] as const) {
      console.error(`${String(jobsOfRow)} jobs, ${String(machinesOfRow)} machines, ${state}, ${String(gbit)} Gbit/s`)
      rows.push(await row(link, { ...farm, machines: machinesOfRow }, gbit, state))
    }
  }
}
console.log(
  table(
    [
      'jobs',
      'machines',
      'uplink',
      'bound',
      'set by',
      '÷ bound',
      'retries',
      'duplicates',
      'sent ÷ all bytes',
      'processor time a job',
      'memory a job',
    ],
    rows,
  ),
)

async function row(
  link: ReturnType<typeof syntheticLink>,
  farm: LargeFarm,
  gbit: number,
  state: string,
): Promise<string[]> {
  const outcome = await simulateLarge(link, farm, gbit * BYTES_PER_MS_OF_GBIT)
  const ratio = outcome.makespanMs / outcome.boundMs
  if (outcome.unfinished > 0 || ratio > TARGET) process.exitCode = 1
  return [
    link.jobs.length.toLocaleString('en'),
    `${farm.machines.toLocaleString('en')}, ${state}`,
    gbit === Infinity ? 'no limit' : `${String(gbit)} Gbit/s`,
    `${(outcome.boundMs / 1000).toFixed(1)} s`,
    outcome.boundBy,
    outcome.unfinished > 0 ? `${String(outcome.unfinished)} jobs have not ended` : ratio.toFixed(3),
    String(outcome.retries),
    String(outcome.hedges),
    outcome.sent.toFixed(2),
    `${outcome.usOfAJob.toFixed(0)} µs`,
    `${(outcome.bytesOfAJob / 1024).toFixed(1)} KiB`,
  ]
}
