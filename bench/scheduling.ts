/**
 * What dtlto's own half of a local link costs: the processor time of the thread on which the scheduler, the distributors and all other
 * TypeScript run, against the time of the link. lld and the backends have threads of their own.
 *
 *     node --import tsx bench/scheduling.ts redis|git [--links N]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { link, type LinkEvent } from '../packages/dtlto/src/index.js'
import { prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { describeMachine, milliseconds, seconds, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { median } from './statistics.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { links: { type: 'string', default: '3' } },
})
const name = positionals[0] ?? ''
if (!Object.hasOwn(RECIPES, name)) {
  console.error(`usage: node --import tsx bench/scheduling.ts ${Object.keys(RECIPES).join('|')} [--links N]`)
  process.exit(2)
}
const links = positiveInteger('--links', options.links)
const program = await prepare(name as ProgramName, console.error)
process.chdir(program.directory)
const directory = mkdtempSync(join(tmpdir(), 'dtlto-bench-'))
const samples: { readonly wallMs: number; readonly ownMs: number; readonly jobs: number }[] = []
try {
  for (let i = 0; i <= links; i++) {
    let jobs = 0
    const onEvent = (event: LinkEvent): void => {
      if (event.type === 'jobs') jobs = event.jobs.length
    }
    const [startMs, startOwnMs] = [performance.now(), ownCpuMs()]
    const args = [...program.linkArgs, '-o', join(directory, 'out')]
    const { exitCode, stderr } = await link({ flavour: 'elf', args, onEvent })
    if (exitCode !== 0) throw new Error(`the link failed:\n${stderr}`)
    // The first one pays for loading.
    if (i > 0) samples.push({ wallMs: performance.now() - startMs, ownMs: ownCpuMs() - startOwnMs, jobs })
  }
} finally {
  rmSync(directory, { recursive: true })
}

const wallMs = median(samples.map((sample) => sample.wallMs))
const ownMs = median(samples.map((sample) => sample.ownMs))
const jobs = samples[0]?.jobs ?? 0
console.log(`## ${name} ${program.version}: the scheduler's thread in ${String(links)} local links\n`)
console.log(`${await describeMachine()}\n`)
console.log(
  table(
    ['link', 'jobs', 'wall', 'cpu of the thread', 'share', 'a job'],
    [
      [
        name,
        String(jobs),
        seconds(wallMs),
        milliseconds(ownMs),
        `${((100 * ownMs) / wallMs).toFixed(2)} %`,
        `${((1000 * ownMs) / jobs).toFixed(0)} µs`,
      ],
    ],
  ),
)
console.log('\nMedians.')

/** Processor time of the main thread of this process. The first number of schedstat is in nanoseconds. */
function ownCpuMs(): number {
  const [ns = ''] = readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8').split(' ')
  return Number(ns) / 1e6
}
