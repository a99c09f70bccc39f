/**
 * What an engine that fails costs a link: each fault of test/engines/engine-faults.ts, in the middle of it. Before each such link there is one without a fault, over
 * buildbox-casd; the delay is the difference to that. Engines run on this machine.
 *
 *     node --import tsx bench/reapi-faults.ts [--rounds N] [--only=PART-OF-A-NAME]
 */
import { parseArgs } from 'node:util'
import { whyNoCasd } from '../packages/distributor-reapi/src/testing/casd.js'
import { DistccLink } from '../test/engines/distcc-link.js'
import { ENGINE_FAULTS, type EngineVictim, noEngineFault, strikeEngine } from '../test/engines/engine-faults.js'
import { describeMachine, seconds, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { median } from './statistics.js'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const rounds = positiveInteger('--rounds', options.rounds)
const missing = await whyNoCasd()
if (missing !== undefined) throw new Error(missing)

const MODULES = 24
const FUNCTIONS = 2
const link = new DistccLink(MODULES, FUNCTIONS)
const chosen = ENGINE_FAULTS.filter(({ name }) => name.includes(options.only))
const possible = chosen.filter(({ whyNot }) => whyNot?.() === undefined)
const baseMs: number[] = []
const rows = possible.map((fault) => ({ fault, wallMs: [] as number[], delayMs: [] as number[], lines: 0 }))
try {
  await measure(noEngineFault)
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      const base = (await measure(noEngineFault)).wallMs
      baseMs.push(base)
      const { wallMs, lines } = await measure(row.fault.start)
      row.wallMs.push(wallMs)
      row.delayMs.push(wallMs - base)
      row.lines = Math.max(row.lines, lines)
      console.error(
        `round ${round + 1} of ${rounds}: ${seconds(base)}, ${seconds(wallMs)}: the engine ${row.fault.name}`,
      )
    }
  }
} finally {
  link.remove()
}

console.log(`## Links over an engine that fails: ${rounds} rounds\n\n${await describeMachine()}`)
console.log(
  `- ${MODULES + 1} modules; without a fault ${seconds(median(baseMs))}, from ${seconds(Math.min(...baseMs))} to ${seconds(Math.max(...baseMs))}\n`,
)
const cells = rows.map(({ fault, wallMs, delayMs, lines }) => [
  fault.name,
  seconds(median(wallMs)),
  seconds(median(delayMs)),
  seconds(Math.max(...delayMs)),
  String(lines),
])
console.log(table(['the engine …', 'link', 'delay', 'longest', 'lines printed'], cells))
console.log(
  '\nMedians; the longest delay is that of any round. Every link had exit code 0 and the bytes of stock lld, and met its fault.',
)
for (const { name, whyNot } of chosen) {
  const reason = whyNot?.()
  if (reason !== undefined) console.log(`Not done: '${name}': ${reason}.`)
}

/** Throws unless the output is right, and the fault was met. */
async function measure(start: () => Promise<EngineVictim>): Promise<{ wallMs: number; lines: number }> {
  const victim = await start()
  try {
    const ended = link.start([`--distribute=reapi,${victim.options}`])
    if (!(await strikeEngine(victim, ended))) throw new Error('the link was over before anything was executed')
    const { exitCode, stderr, wallMs } = await ended
    if (exitCode !== 0) throw new Error(`the link ended with ${exitCode ?? 'a signal'}\n${stderr}`)
    if (!link.isIdentical()) throw new Error(`the output differs from that of stock lld\n${stderr}`)
    if (!victim.wasMet()) throw new Error(`the link has not met the fault\n${stderr}`)
    return { wallMs, lines: stderr.split('\n').length - 1 }
  } finally {
    await victim.stop()
  }
}
