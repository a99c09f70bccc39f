/**
 * What does it cost to start dtlto? Links "hello, world" from one object, which leaves nothing to distribute: with stock lld, with dtlto when
 * nothing asks for it, and with --distribute=local.
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
import { LLVM_MAJOR } from '../test/link/toolchain.js'

const SOURCE = '#include <stdio.h>\nint main(void) { puts("hello, world"); }\n'
const TITLES = {
  stock: 'stock ld.lld',
  'dtlto-plain': 'dtlto, nothing asked for',
  dtlto: 'dtlto --distribute=local',
} as const
const KINDS = { 'machine code': [], bitcode: ['-flto=thin'] } as const

const { values: options } = parseArgs({ options: { pairs: { type: 'string', default: '40' } } })
const pairs = positiveInteger('--pairs', options.pairs)

const rows: string[][] = []
for (const [kind, flags] of Object.entries(KINDS)) {
  const link = await prepareHello(kind.replace(' ', '-'), flags)
  const commands = {
    stock: await linkCommand('stock', link),
    'dtlto-plain': await linkCommand('dtlto-plain', link),
    dtlto: await linkCommand('dtlto', link),
  }
  const samples = await interleave(commands, pairs)
  const column = (name: keyof typeof samples, what: 'wallMs' | 'cpuMs') => samples[name].map((sample) => sample[what])
  for (const name of Object.keys(commands) as (keyof typeof commands)[]) {
    const more = (what: 'wallMs' | 'cpuMs') =>
      milliseconds(median(column(name, what).map((ms, round) => ms - (column('stock', what)[round] ?? Number.NaN))))
    rows.push([
      kind,
      TITLES[name],
      milliseconds(median(column(name, 'wallMs'))),
      more('wallMs'),
      more('cpuMs'),
      ratio(pairedRatio(column(name, 'wallMs'), column('stock', 'wallMs'))),
      (await sameBytes(commands.stock.output, commands[name].output)) ? 'yes' : 'no',
    ])
  }
}

console.log(`## hello, world: ${pairs} interleaved pairs after one to warm up\n`)
console.log(`${await describeMachine()}\n`)
console.log(
  table(['one object of', 'linker', 'wall time', 'more', 'more processor time', '× stock', 'identical'], rows),
)
console.log('\nMedians; differences and ratios are medians over the rounds.')

/** Compiles the program and finds out how clang links it. */
async function prepareHello(kind: string, flags: readonly string[]): Promise<Link> {
  const directory = join(ROOT, 'build/bench/hello', kind)
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'hello.c'), SOURCE)
  await run(`clang-${LLVM_MAJOR}`, ['-O2', ...flags, '-c', 'hello.c'], { cwd: directory })
  const linkArgs = await captureLink('hello', join(directory, 'capture'), (bin) =>
    run(`clang-${LLVM_MAJOR}`, [...flags, '-fuse-ld=dtlto', 'hello.o', '-o', 'hello'], {
      cwd: directory,
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    }),
  )
  return { directory, linkArgs, output: 'hello' }
}
