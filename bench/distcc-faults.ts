/**
 * What a distccd server that fails costs a link: each fault of test/engines/distcc-faults.ts at one of two servers, then at both. Before
 * these two links there is one without a fault; a delay is the difference to that. All servers run on this machine (those that are cut
 * off, in network namespaces of it), so a server less does not mean less processors: what is measured is the time lost, not the
 * help lost.
 *
 *     node --import tsx bench/distcc-faults.ts [--rounds N] [--only=PART-OF-A-NAME]
 */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { whyNoDistccd } from '../packages/distributor-distcc/src/testing/distccd.js'
import {
  FROM_THE_START,
  healthy,
  IN_THE_MIDDLE,
  strikeInTheMiddle,
  type Victim,
} from '../test/engines/distcc-faults.js'
import { DistccLink, distributeTo } from '../test/engines/distcc-link.js'
import { describeMachine, seconds, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { median } from './statistics.js'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const rounds = positiveInteger('--rounds', options.rounds)
const missing = whyNoDistccd()
if (missing !== undefined) throw new Error(missing)

const MODULES = 24
const FUNCTIONS = 2

/** Links with the same servers. */
class Row {
  readonly servers: () => Promise<readonly Victim[]>
  readonly wallMs: number[] = []
  readonly delayMs: number[] = []
  /** Lines that a link printed, at most. */
  lines = 0

  constructor(servers: Row['servers']) {
    this.servers = servers
  }

  get cells(): string[] {
    return [seconds(median(this.wallMs)), seconds(median(this.delayMs)), seconds(Math.max(...this.delayMs))]
  }
}

const noFault = new Row(() => Promise.all([healthy(), healthy()]))
const faults = [...FROM_THE_START, ...IN_THE_MIDDLE]
  .filter(({ name }) => name.includes(options.only))
  .map(({ name, whyNot, start }) => ({
    name,
    whyNot: whyNot?.(),
    one: new Row(() => Promise.all([start(), healthy()])),
    both: new Row(() => Promise.all([start(), start()])),
  }))
const possible = faults.filter(({ whyNot }) => whyNot === undefined)

const link = new DistccLink(MODULES, FUNCTIONS)
const loads: number[] = []
try {
  // Warms up.
  await measure(noFault)
  for (let round = 0; round < rounds; round++) {
    for (const { name, one, both } of possible) {
      loads.push(loadavg()[0] ?? 0)
      const baseMs = await measure(noFault)
      noFault.wallMs.push(baseMs)
      for (const row of [one, both]) {
        const wallMs = await measure(row)
        row.wallMs.push(wallMs)
        row.delayMs.push(wallMs - baseMs)
      }
      const latest = [[baseMs], one.wallMs, both.wallMs].map((wallMs) => seconds(wallMs.at(-1) ?? 0)).join(', ')
      console.error(`round ${round + 1} of ${rounds}: without a fault, one, both: ${latest}: a server ${name}`)
    }
  }
} finally {
  link.remove()
}

console.log(`## Links over two distccd servers that fail: ${rounds} rounds\n`)
console.log(await describeMachine())
console.log(
  `- ${MODULES + 1} modules; two servers with two slots each and no statistics; this machine when none is left`,
)
console.log(
  `- one-minute load from ${Math.min(...loads)} to ${Math.max(...loads)}; the links themselves come to some 4`,
)
console.log(
  `- without a fault ${seconds(median(noFault.wallMs))}, from ${seconds(Math.min(...noFault.wallMs))} to ${seconds(Math.max(...noFault.wallMs))}\n`,
)
console.log(
  table(
    ['a server …', 'one of two: link', 'delay', 'longest', 'both: link', 'delay', 'longest', 'lines printed'],
    possible.map(({ name, one, both }) => [name, ...one.cells, ...both.cells, `${one.lines}, ${both.lines}`]),
  ),
)
console.log('\nMedians; the longest delay is that of any round. Every link had exit code 0 and the bytes of stock lld.')
for (const { name, whyNot } of faults) if (whyNot !== undefined) console.log(`Not done: '${name}': ${whyNot}.`)

/** Wall time of a link, in milliseconds. Throws unless its output is right. */
async function measure(row: Row): Promise<number> {
  const victims = await row.servers()
  try {
    const ended = link.start([distributeTo(victims)])
    if (!(await strikeInTheMiddle(victims, ended))) throw new Error('the link was over before a server was at work')
    const { exitCode, stderr, wallMs } = await ended
    if (exitCode !== 0) throw new Error(`the link ended with ${exitCode ?? 'a signal'}\n${stderr}`)
    if (!link.isIdentical()) throw new Error(`the output differs from that of stock lld\n${stderr}`)
    row.lines = Math.max(row.lines, stderr.split('\n').length - 1)
    return wallMs
  } finally {
    await Promise.all(victims.map((victim) => victim.stop()))
  }
}
