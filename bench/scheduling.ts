/**
 * What dtlto's own half of a link costs: the processor time of the thread on which the scheduler, the distributors and all other
 * TypeScript run, against the time of the link; and the longest time for which that thread did nothing else. lld and the backends have threads
 * of their own.
 *
 *     node --import tsx bench/scheduling.ts redis|git [--links N] [--distribute NAME[,KEY=VALUE…]] [--profile-mib N]
 *
 * --distribute: who compiles; by default this process. --profile-mib: with a sample profile of that size among the options of each job.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { link, type LinkEvent } from '../packages/dtlto/src/index.js'
import { prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { describeMachine, milliseconds, seconds, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { threadTimeMs } from '../packages/dtlto/src/report/thread-time.js'
import { writeSampleProfile } from './sample-profile.js'
import { median } from './statistics.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    links: { type: 'string', default: '3' },
    distribute: { type: 'string', default: 'local' },
    'profile-mib': { type: 'string' },
  },
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
const samples: {
  readonly wallMs: number
  readonly ownMs: number
  readonly blockedMs: number
  readonly jobs: number
}[] = []
const [distributor = '', ...pairs] = options.distribute.split(',')
const distributorOptions: Record<string, string> = Object.fromEntries(
  pairs.map((pair) => pair.split(/=(.*)/s) as [string, string]),
)
const profile =
  options['profile-mib'] === undefined
    ? []
    : [
        `--lto-sample-profile=${writeSampleProfile(directory, positiveInteger('--profile-mib', options['profile-mib']))}`,
      ]
try {
  for (let i = 0; i <= links; i++) {
    let jobs = 0
    const onEvent = (event: LinkEvent): void => {
      if (event.type === 'jobs') jobs = event.jobs.length
    }
    const [startMs, startOwnMs] = [performance.now(), threadTimeMs()]
    const args = [...program.linkArgs, ...profile, '-o', join(directory, 'out')]
    // Its timer wakes the thread, too: 1 ms would cost more than all the rest.
    const delay = monitorEventLoopDelay({ resolution: 20 })
    delay.enable()
    const { exitCode, stderr } = await link({
      flavour: 'elf',
      args,
      onEvent,
      distributors: [{ distributor, options: distributorOptions }],
    })
    delay.disable()
    if (exitCode !== 0) throw new Error(`the link failed:\n${stderr}`)
    const [wallMs, ownMs, blockedMs] = [performance.now() - startMs, threadTimeMs() - startOwnMs, delay.max / 1e6]
    // The first one pays for loading.
    if (i > 0) samples.push({ wallMs, ownMs, blockedMs, jobs })
  }
} finally {
  rmSync(directory, { recursive: true })
}

const wallMs = median(samples.map((sample) => sample.wallMs))
const ownMs = median(samples.map((sample) => sample.ownMs))
const jobs = samples[0]?.jobs ?? 0
const how = options['profile-mib'] === undefined ? '' : `, with a profile of ${options['profile-mib']} MiB`
console.log(
  `## ${name} ${program.version}: the scheduler's thread in ${String(links)} links, --distribute=${options.distribute}${how}\n`,
)
console.log(`${await describeMachine()}\n`)
console.log(
  table(
    ['link', 'jobs', 'wall', 'cpu of the thread', 'share', 'a job', 'blocked at most'],
    [
      [
        name,
        String(jobs),
        seconds(wallMs),
        milliseconds(ownMs),
        `${((100 * ownMs) / wallMs).toFixed(2)} %`,
        `${((1000 * ownMs) / jobs).toFixed(0)} µs`,
        milliseconds(median(samples.map((sample) => sample.blockedMs))),
      ],
    ],
  ),
)
console.log('\nMedians.')
