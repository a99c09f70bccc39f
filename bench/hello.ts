/**
 * What does it cost to start dtlto? Links "hello, world" from one object, which leaves nothing to distribute.
 *
 *     node --import tsx bench/hello.ts [--pairs N]
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../scripts/root.mjs'
import { captureLink } from '../test/programs/capture-link.js'
import { run } from '../test/programs/run.js'
import { describeMachine, milliseconds, ratio, table } from './format.js'
import { type Link, linkCommand } from './linkers.js'
import { interleave } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { sameBytes } from './same-bytes.js'
import { median, pairedRatio } from './statistics.js'

const SOURCE = '#include <stdio.h>\nint main(void) { puts("hello, world"); }\n'
const KINDS = { 'machine code': [], bitcode: ['-flto=thin'] } as const

const { values: options } = parseArgs({ options: { pairs: { type: 'string', default: '40' } } })
const pairs = positiveInteger('--pairs', options.pairs)

const rows: string[][] = []
for (const [kind, flags] of Object.entries(KINDS)) {
  const link = await prepareHello(kind.replace(' ', '-'), flags)
  const [stock, dtlto] = await Promise.all([linkCommand('stock', link), linkCommand('dtlto', link)])
  const samples = await interleave({ stock, dtlto }, pairs)
  const wall = (name: keyof typeof samples) => samples[name].map(({ wallMs }) => wallMs)
  const differences = wall('dtlto').map((ms, index) => ms - (wall('stock')[index] ?? Number.NaN))
  rows.push([
    kind,
    milliseconds(median(wall('stock'))),
    milliseconds(median(wall('dtlto'))),
    milliseconds(median(differences)),
    ratio(pairedRatio(wall('dtlto'), wall('stock'))),
    (await sameBytes(stock.output, dtlto.output)) ? 'yes' : 'no',
  ])
}

console.log(`## hello, world: ${pairs} interleaved pairs after one to warm up\n`)
console.log(`${await describeMachine()}\n`)
console.log(table(['one object of', 'stock ld.lld', 'dtlto', 'difference', '× stock', 'identical'], rows))
console.log('\nMedians of wall time; difference and ratio are medians over the pairs.')

/** Compiles the program and finds out how clang links it. */
async function prepareHello(kind: string, flags: readonly string[]): Promise<Link> {
  const directory = join(ROOT, 'build/bench/hello', kind)
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'hello.c'), SOURCE)
  await run('clang-22', ['-O2', ...flags, '-c', 'hello.c'], { cwd: directory })
  const linkArgs = await captureLink('hello', join(directory, 'capture'), (bin) =>
    run('clang-22', [...flags, '-fuse-ld=dtlto', 'hello.o', '-o', 'hello'], {
      cwd: directory,
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    }),
  )
  return { directory, linkArgs, output: 'hello' }
}
