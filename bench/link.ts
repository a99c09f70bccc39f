/**
 * Links a real program with stock lld, dtlto and LLVM's own DTLTO, in turns, and compares them.
 *
 *     node --import tsx bench/link.ts redis|git [--pairs N] [--without-llvm-dtlto]
 */
import { parseArgs } from 'node:util'
import { checkProgram, prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { describeMachine, mebibytes, ratio, seconds, table } from './format.js'
import { linkCommand, LINKER_TITLES, type LinkerName } from './linkers.js'
import { interleave, type Sample } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { sameBytes } from './same-bytes.js'
import { median, pairedRatio } from './statistics.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { pairs: { type: 'string', default: '7' }, 'without-llvm-dtlto': { type: 'boolean', default: false } },
})
const name = programName(positionals[0])
const pairs = positiveInteger('--pairs', options.pairs)

const program = await prepare(name, console.error)
const linkers: readonly LinkerName[] = options['without-llvm-dtlto']
  ? ['stock', 'dtlto']
  : ['stock', 'dtlto', 'llvm-dtlto']
const commands = Object.fromEntries(
  await Promise.all(linkers.map(async (linker) => [linker, await linkCommand(linker, program)] as const)),
)
const samples = await interleave(commands, pairs, (round) => console.error(`round ${round + 1} of ${pairs}`))

const stockOutput = commands['stock']?.output ?? ''
const rows = await Promise.all(
  linkers.map(async (linker) => {
    const output = commands[linker]?.output ?? ''
    await checkProgram(program, output)
    const identical = linker === 'stock' ? '' : (await sameBytes(output, stockOutput)) ? 'yes' : 'no'
    return [LINKER_TITLES[linker], ...cells(samples[linker] ?? [], samples['stock'] ?? []), identical]
  }),
)

console.log(`## ${name} ${program.version}: ${pairs} interleaved rounds after one to warm up\n`)
console.log(`${await describeMachine()}\n`)
console.log(table(['linker', 'wall', '× stock', 'cpu', '× stock', 'peak memory', '− stock', 'identical'], rows))
console.log('\nMedians; ratios are medians of the ratios within a round, with the smallest and the largest.')
console.log('Peak memory is that of the largest single process.')

function cells(own: readonly Sample[], stock: readonly Sample[]): string[] {
  const column = (key: keyof Sample) => own.map((sample) => sample[key])
  const base = (key: keyof Sample) => stock.map((sample) => sample[key])
  return [
    seconds(median(column('wallMs'))),
    ratio(pairedRatio(column('wallMs'), base('wallMs'))),
    seconds(median(column('cpuMs'))),
    ratio(pairedRatio(column('cpuMs'), base('cpuMs'))),
    mebibytes(median(column('peakBytes'))),
    mebibytes(median(column('peakBytes')) - median(base('peakBytes'))),
  ]
}

function programName(given: string | undefined): ProgramName {
  if (given !== undefined && Object.hasOwn(RECIPES, given)) return given as ProgramName
  console.error(
    `usage: node --import tsx bench/link.ts ${Object.keys(RECIPES).join('|')} [--pairs N] [--without-llvm-dtlto]`,
  )
  process.exit(2)
}
