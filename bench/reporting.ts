/**
 * What report, summary, statistics and trace cost: links over an emulated farm (bench/farm), whose jobs take no processor time of this machine, so that the linker's own is seen.
 * A link that compiles here takes far more; the last column says how much of that of stock lld it is.
 *
 *     node --import tsx bench/reporting.ts [redis|git|ninja …] [--slots 32] [--rounds 7]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../scripts/root.mjs'
import { prepare, type ProgramName } from '../test/programs/programs.js'
import { linkOverFarm, PLAIN_FARM, record } from './farm/farm-link.js'
import { Recordings } from './farm/recordings.js'
import { describeMachine, milliseconds, seconds, table } from './format.js'
import { linkCommand } from './linkers.js'
import { measure } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { programName } from './program-name.js'
import { median } from './statistics.js'

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: { slots: { type: 'string', default: '32' }, rounds: { type: 'string', default: '7' } },
})
const names = (positionals.length === 0 ? ['redis', 'git'] : positionals).map(programName)
const slots = positiveInteger('--slots', given.slots)
const rounds = positiveInteger('--rounds', given.rounds)

const scratch = await mkdtemp(join(tmpdir(), 'dtlto-reporting-'))
const summary = `--distribute-summary=${join(scratch, 'summary.txt')}`
const stats = `--distribute-stats=${join(scratch, 'stats.jsonl')}`
const ROWS: Readonly<Record<string, readonly string[]>> = {
  nothing: [],
  'report, a page': [`--distribute-report=${join(scratch, 'link.html')}`],
  'report, JSON': [`--distribute-report=${join(scratch, 'link.json')}`],
  summary: [summary],
  statistics: [stats],
  trace: [`--distribute-trace=${join(scratch, 'trace.json')}`],
  'a page, summary and statistics': [`--distribute-report=${join(scratch, 'all.html')}`, summary, stats],
}

try {
  const rows: string[][] = []
  for (const name of names) rows.push(...(await compare(name)))
  console.log(`## What it costs to tell: links over an emulated farm of ${String(slots)} slots\n`)
  console.log(await describeMachine())
  console.log(`- processor time, medians of ${String(rounds)} interleaved rounds; what is more is taken within a round`)
  console.log(`- load of the machine at the end: ${loadavg()[0]?.toFixed(1) ?? 'unknown'}\n`)
  console.log(table(['program', 'asked for', "linker's processor time", 'more', "of stock lld's"], rows))
} finally {
  await rm(scratch, { recursive: true, force: true })
}

async function compare(name: ProgramName): Promise<string[][]> {
  const program = await prepare(name, console.error)
  const recordings = new Recordings(join(ROOT, 'build/bench/farm', name, 'distcc'))
  if (await recordings.isEmpty()) {
    console.error(`recording ${name}: every job is compiled once`)
    await record(program, 'distcc', recordings)
  }
  const stock = await measure(await linkCommand('stock', program, [], 'farm-stock'))
  const asked = Object.keys(ROWS)
  const cpuMs = new Map<string, number[]>(asked.map((row) => [row, []]))
  for (let round = -1; round < rounds; round++) {
    console.error(`${name}, round ${String(round + 1)} of ${String(rounds)}`)
    const first = Math.max(0, round) % asked.length
    for (const row of [...asked.slice(first), ...asked.slice(0, first)]) {
      const { sample } = await linkOverFarm(program, 'distcc', recordings, slots, PLAIN_FARM, ROWS[row])
      // The one before the first is to warm up.
      if (round >= 0) cpuMs.get(row)?.push(sample.cpuMs)
    }
  }
  return asked.map((row) => {
    const all = cpuMs.get(row) ?? []
    const moreMs = median(all.map((ms, i) => ms - (cpuMs.get('nothing')?.[i] ?? NaN)))
    const share = `${((100 * moreMs) / stock.cpuMs).toFixed(2)} % of ${seconds(stock.cpuMs)}`
    return [name, row, seconds(median(all)), ...(row === 'nothing' ? ['', ''] : [milliseconds(moreMs), share])]
  })
}
