/**
 * Links a real program with stock lld, dtlto and LLVM's own DTLTO, in turns, and compares them.
 *
 *     node --import tsx bench/link.ts redis|git [--pairs N] [--without-llvm-dtlto] [--with=ARGUMENTS …] [--against=ROW …] [--side-by-side]
 *
 * Each `--with` adds a row: dtlto with these arguments, separated by blanks, for example `--with=--distribute=worker`.
 * There is a table for each `--against`, with ratios to the row that it names: `stock` (the default), `dtlto`, or the arguments of a `--with`.
 *
 * `--side-by-side` runs each row at the same time as the one it is compared with, on half of the processors each, instead of in turns.
 */
import { parseArgs } from 'node:util'
import { checkProgram, prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { describeMachine, mebibytes, ratio, seconds, table } from './format.js'
import { linkCommand, LINKER_TITLES, type LinkerCommand, type LinkerName } from './linkers.js'
import { interleave, type Sample, sideBySide } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { sameBytes } from './same-bytes.js'
import { median, pairedRatio } from './statistics.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '7' },
    'without-llvm-dtlto': { type: 'boolean', default: false },
    with: { type: 'string', multiple: true, default: [] },
    against: { type: 'string', multiple: true, default: ['stock'] },
    'side-by-side': { type: 'boolean', default: false },
  },
})
const name = programName(positionals[0])
const pairs = positiveInteger('--pairs', options.pairs)

const program = await prepare(name, console.error)
const commands: Record<string, LinkerCommand> = {}
for (const linker of ['stock', 'dtlto', 'llvm-dtlto'] as const) {
  if (linker === 'llvm-dtlto' && options['without-llvm-dtlto']) continue
  commands[linker] = await linkCommand(linker, program)
}
for (const [i, args] of options.with.entries()) {
  // With distributors of its own a row has no others: this machine would compile beside them.
  const linker = args.includes('--distribute=') ? 'dtlto-plain' : 'dtlto'
  commands[args] = await linkCommand(linker, program, args.split(' '), `dtlto-${String(i + 1)}`)
}
for (const row of options.against) if (commands[row] === undefined) usage(`there is no row '${row}' for --against`)
if (options['side-by-side']) {
  await compareSideBySide()
  process.exit()
}
const samples = await interleave(commands, pairs, (round) => console.error(`round ${round + 1} of ${pairs}`))

const stockOutput = commands['stock']?.output ?? ''
const identical: Record<string, string> = { stock: '' }
for (const [row, { output }] of Object.entries(commands)) {
  await checkProgram(program, output)
  if (row !== 'stock') identical[row] = (await sameBytes(output, stockOutput)) ? 'yes' : 'no'
}

console.log(`## ${name} ${program.version}: ${pairs} interleaved rounds after one to warm up\n`)
console.log(`${await describeMachine()}\n`)
for (const base of options.against) {
  const rows = Object.keys(commands).map((row) => [
    title(row),
    ...cells(samples[row] ?? [], samples[base] ?? []),
    identical[row] ?? '',
  ])
  const header = ['linker', 'wall', `× ${base}`, 'cpu', `× ${base}`, 'peak memory', `− ${base}`, 'identical']
  console.log(`${table(header, rows)}\n`)
}
console.log('Medians; ratios are medians of the ratios within a round, with the smallest and the largest.')
console.log('Peak memory is that of the largest single process.')

async function compareSideBySide(): Promise<void> {
  const rows: string[][] = []
  for (const base of options.against) {
    for (const [row, command] of Object.entries(commands)) {
      if (row === base || rows.some(([a, b]) => a === title(base) && b === title(row))) continue
      const ratios = await sideBySide(commands[base] ?? command, command, pairs)
      const over = (key: 'wallMs' | 'cpuMs') =>
        ratio(
          pairedRatio(
            ratios.map((each) => each[key]),
            ratios.map(() => 1),
          ),
        ) // prettier-ignore
      rows.push([title(row), title(base), over('wallMs'), over('cpuMs')])
    }
  }
  console.log(`## ${name} ${program.version}: ${pairs} rounds side by side\n`)
  console.log(`${await describeMachine()}\n`)
  console.log(table(['linker', 'against', 'wall', 'cpu'], rows))
  console.log(
    '\nMedians, with the smallest and the largest; each round is two runs of both at the same time, on exchanged halves of the processors.',
  )
}

function title(row: string): string {
  return Object.hasOwn(LINKER_TITLES, row) ? LINKER_TITLES[row as LinkerName] : `dtlto ${row}`
}

function cells(own: readonly Sample[], base: readonly Sample[]): string[] {
  const column = (key: keyof Sample) => own.map((sample) => sample[key])
  const other = (key: keyof Sample) => base.map((sample) => sample[key])
  return [
    seconds(median(column('wallMs'))),
    ratio(pairedRatio(column('wallMs'), other('wallMs'))),
    seconds(median(column('cpuMs'))),
    ratio(pairedRatio(column('cpuMs'), other('cpuMs'))),
    mebibytes(median(column('peakBytes'))),
    mebibytes(median(column('peakBytes')) - median(other('peakBytes'))),
  ]
}

function programName(given: string | undefined): ProgramName {
  if (given !== undefined && Object.hasOwn(RECIPES, given)) return given as ProgramName
  return usage('expected the name of a program')
}

function usage(message: string): never {
  console.error(`${message}
usage: node --import tsx bench/link.ts ${Object.keys(RECIPES).join('|')} [--pairs N] [--without-llvm-dtlto] [--with=ARGUMENTS …] [--against=ROW …] [--side-by-side]`)
  process.exit(2)
}
