/**
 * Two links at once in a control group that has memory for 1.3 of them: do both end, and what does the lack of memory cost? Compared with one link alone, and with two that have all memory.
 * Two links that each keep all processors busy take twice as long as one, whatever memory there is: so the second ratio is what memory costs.
 *
 *     node --import tsx bench/memory.ts redis|git|ninja|ffmpeg [--jobs N] [--share 1.3] [--rounds 3]
 *
 * `--jobs`: backends that each link may run at a time; the more, the more of its memory is theirs. Needs the right to make control groups.
 */
import { parseArgs } from 'node:util'
import { MemoryGroup } from '../test/process/memory-group.js'
import { prepare } from '../test/programs/programs.js'
import { describeMachine, mebibytes, seconds, table } from './format.js'
import { type LinkerCommand, linkCommand, type LinkerName } from './linkers.js'
import { positiveInteger } from './positive-integer.js'
import { programName } from './program-name.js'
import { sameBytes } from './same-bytes.js'
import { median } from './statistics.js'

const ENOUGH_BYTES = 64 * 1024 ** 3

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: '6' },
    share: { type: 'string', default: '1.3' },
    rounds: { type: 'string', default: '3' },
  },
})
const jobs = positiveInteger('--jobs', given.jobs)
const rounds = positiveInteger('--rounds', given.rounds)
const share = Number(given.share)
if (!(share > 0)) throw new Error(`--share: expected a number above 0 but received '${given.share}'`)
const group = MemoryGroup.open()
if (typeof group === 'string') throw new Error(group)

interface Outcome {
  readonly wallMs: number
  readonly peakBytes: number
  readonly ends: readonly (number | NodeJS.Signals)[]
}

const program = await prepare(programName(positionals[0]), console.error)
const args = [`--thinlto-jobs=${String(jobs)}`]
const commandsOf = (linker: LinkerName): Promise<LinkerCommand[]> =>
  Promise.all(['left', 'right'].map((side) => linkCommand(linker, program, args, `memory-${linker}-${side}`)))
const [stock, dtlto] = [await commandsOf('stock'), await commandsOf('dtlto')]

const one: Outcome[] = []
const two: Outcome[] = []
const short: Outcome[] = []
await run(stock.slice(0, 1), ENOUGH_BYTES)
for (let round = 0; round < rounds; round++) {
  console.error(`round ${String(round + 1)} of ${String(rounds)}`)
  one.push(await run(dtlto.slice(0, 1), ENOUGH_BYTES))
  two.push(await run(dtlto, ENOUGH_BYTES))
  short.push(await run(dtlto, limit()))
  await checkOutputs()
}
const killed = await run(stock, limit())

console.log(`${positionals[0] ?? ''}, ${String(jobs)} backends at a time in each link, limit ${mebibytes(limit())}`)
console.log(`${await describeMachine()}\n`)
console.log(
  table(
    ['links', 'wall', '÷ one', '÷ two with all memory', 'peak memory of the group', 'ends'],
    [
      row('one', one),
      row('two, all memory', two),
      row(`two, memory for ${String(share)}`, short),
      row(`two of stock lld, memory for ${String(share)}`, [killed]),
    ],
  ),
)

/** For `share` links like those that had all memory. */
function limit(): number {
  return share * median(one.map(({ peakBytes }) => peakBytes))
}

async function run(commands: readonly LinkerCommand[], limitBytes: number): Promise<Outcome> {
  const beganMs = performance.now()
  const runs = await (group as MemoryGroup).run(
    limitBytes,
    commands.map(({ argv }) => argv),
    program.directory,
  )
  const wallMs = performance.now() - beganMs
  for (const { end, stderr } of runs) if (end !== 0 && end !== 'SIGKILL') throw new Error(stderr)
  return { wallMs, peakBytes: runs[0]?.peakBytes ?? 0, ends: runs.map(({ end }) => end) }
}

async function checkOutputs(): Promise<void> {
  const [expected] = stock
  for (const { output } of dtlto)
    if (expected && !(await sameBytes(expected.output, output))) throw new Error(`${output} differs from stock lld's`)
}

function row(title: string, outcomes: readonly Outcome[]): string[] {
  const areWhole = outcomes.every(({ ends }) => ends.every((end) => end === 0))
  const ratioTo = (others: readonly Outcome[]): string =>
    areWhole ? median(outcomes.map(({ wallMs }, i) => wallMs / (others[i]?.wallMs ?? NaN))).toFixed(2) : ''
  return [
    title,
    areWhole ? seconds(median(outcomes.map(({ wallMs }) => wallMs))) : '',
    ratioTo(one),
    ratioTo(two),
    mebibytes(median(outcomes.map(({ peakBytes }) => peakBytes))),
    areWhole ? 'all' : outcomes.map(({ ends }) => ends.join(', ')).join('; '),
  ]
}
