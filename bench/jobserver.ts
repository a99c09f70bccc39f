/**
 * Two links at once: what a machine has to bear. Both are started by one `make -jN`, N being the number of cores, and may use N jobs each:
 * with make's jobserver, without it (then links of dtlto share the cores among themselves), without any sharing, and by stock lld.
 *
 *     node --import tsx bench/jobserver.ts [redis|git|MODULES] [--rounds N]
 *
 * MODULES: a program made up of so many modules, some 200 ms each.
 *
 * Concurrency is looked at every 20 ms in /proc: threads that compile and are running or ready to run. Links run with --threads=1, so that
 * there are no other such threads.
 */
import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../scripts/root.mjs'
import { watchableProgram } from '../test/jobserver/programs.js'
import { type Watched, watchCompilers } from '../test/jobserver/watch.js'
import { compile } from '../test/link/toolchain.js'
import { prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { describeMachine, seconds, table } from './format.js'
import { type Link, linkCommand, type LinkerName } from './linkers.js'
import { positiveInteger } from './positive-integer.js'
import { sameBytes } from './same-bytes.js'
import { median } from './statistics.js'

const INTERVAL_MS = 20
const CORES = availableParallelism()

interface Way {
  readonly title: string
  readonly linker: LinkerName
  readonly args: readonly string[]
  /** Whether the recipes get make's jobserver. */
  readonly jobserver: boolean
}

const WAYS: readonly Way[] = [
  { title: "dtlto, make's jobserver", linker: 'dtlto', args: [], jobserver: true },
  { title: 'dtlto, no jobserver', linker: 'dtlto', args: [], jobserver: false },
  { title: 'dtlto, `share=off`', linker: 'dtlto', args: ['--distribute=local,share=off'], jobserver: false },
  { title: 'stock ld.lld', linker: 'stock', args: [], jobserver: false },
]

interface Sample {
  readonly wallMs: number
  readonly cpuMs: number
  readonly watched: Watched
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' } },
})
const rounds = positiveInteger('--rounds', options.rounds)
const program = await programNamed(positionals[0] ?? 'redis')
const reference = await linkCommand('stock', program, [], 'jobserver/reference')
await start(reference.argv, reference.directory)
const samples = WAYS.map((): Sample[] => [])
for (let round = 0; round < rounds; round++) {
  console.error(`round ${round + 1} of ${rounds}`)
  for (let i = 0; i < WAYS.length; i++) {
    const at = (round + i) % WAYS.length
    samples[at]?.push(await linkTwice(WAYS[at] as Way, at))
  }
}

console.log(`## ${program.title}, linked twice at once: ${rounds} interleaved rounds, on ${CORES} cores\n`)
console.log(`${await describeMachine()}\n`)
const header = ['two links', 'wall', 'cpu', 'cpu ÷ wall', 'compiling threads: mean', 'most', `more than ${CORES}`]
console.log(
  table(
    header,
    WAYS.map(({ title }, at) => [title, ...cells(samples[at] ?? [])]),
  ),
)
console.log(`\nMedians over the rounds. Mean and share of the time are over the time in which any thread compiled.`)

function cells(of: readonly Sample[]): string[] {
  const middle = (value: (sample: Sample) => number): number => median(of.map(value))
  return [
    seconds(middle(({ wallMs }) => wallMs)),
    seconds(middle(({ cpuMs }) => cpuMs)),
    middle(({ wallMs, cpuMs }) => cpuMs / wallMs).toFixed(2),
    middle(({ watched }) => meanThreads(watched)).toFixed(2),
    String(Math.max(...of.map(({ watched }) => watched.most))),
    `${(100 * middle(({ watched }) => shareAbove(watched, CORES))).toFixed(0)} % of the time`,
  ]
}

interface Subject extends Link {
  readonly title: string
}

async function programNamed(name: string): Promise<Subject> {
  if (Object.hasOwn(RECIPES, name)) {
    const program = await prepare(name as ProgramName, console.error)
    return { ...program, title: `${name} ${program.version}` }
  }
  const modules = positiveInteger('MODULES', name)
  const directory = join(ROOT, 'build/bench/jobserver/source')
  await mkdir(directory, { recursive: true })
  const linkArgs = ['-e', 'main', ...compile(directory, watchableProgram(modules))]
  return { title: `a program of ${modules} modules`, directory, linkArgs, output: 'program' }
}

/** Both links, from an empty make to the end of the second. */
async function linkTwice({ linker, args, jobserver }: Way, at: number): Promise<Sample> {
  const directory = join(ROOT, 'build/bench/jobserver', String(at))
  await mkdir(directory, { recursive: true })
  const jobs = ['--threads=1', `--thinlto-jobs=${CORES}`]
  const outputs: string[] = []
  let makefile = '.PHONY: all a b\nall: a b\n'
  for (const target of ['a', 'b']) {
    const { argv, output } = await linkCommand(linker, program, [...jobs, ...args], `jobserver/${at}/${target}`)
    outputs.push(output)
    const command = argv.map((argument) => `'${argument.replaceAll("'", "'\\''")}'`).join(' ')
    const hide = jobserver ? '' : 'unset MAKEFLAGS MFLAGS\n'
    await writeFile(join(directory, `${target}.sh`), `${hide}cd '${program.directory}'\nexec ${command}\n`)
    // Only a recipe with + gets the jobserver from make 4.3.
    makefile += `${target}:\n\t+@sh '${join(directory, target)}.sh'\n`
  }
  await writeFile(join(directory, 'Makefile'), makefile)
  const sample = await start(['make', `-j${CORES}`, 'all'], directory)
  for (const output of outputs) {
    if (!(await sameBytes(output, reference.output))) throw new Error(`'${output}' differs from what stock lld makes`)
  }
  return sample
}

async function start(argv: readonly string[], cwd: string): Promise<Sample> {
  const report = join(ROOT, 'build/bench/jobserver/usage')
  const { MAKEFLAGS: _, MFLAGS: __, ...env } = process.env
  const startMs = performance.now()
  const child = spawn('/usr/bin/time', ['-q', '-f', '%U %S', '-o', report, ...argv], { cwd, env, stdio: 'inherit' })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const watched = await watchCompilers(child.pid ?? 0, ended, INTERVAL_MS)
  const wallMs = performance.now() - startMs
  if ((await ended) !== 0) throw new Error(`'${argv.join(' ')}' failed`)
  const [user = 0, system = 0] = (await readFile(report, 'utf8')).trim().split(' ').map(Number)
  return { wallMs, cpuMs: (user + system) * 1000, watched }
}

function meanThreads({ looks }: Watched): number {
  const sum = [...looks].reduce((sum, [count, times]) => sum + count * times, 0)
  return sum / total(looks)
}

function shareAbove({ looks }: Watched, count: number): number {
  return total(new Map([...looks].filter(([threads]) => threads > count))) / total(looks)
}

function total(looks: Watched['looks']): number {
  return [...looks.values()].reduce((sum, times) => sum + times, 0)
}
