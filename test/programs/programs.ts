/**
 * Real programs, ready to be linked: fetched and compiled once into build/programs, then reused. The link itself is
 * captured from the program's own makefile (capture-link.ts), not made up. Its `-fuse-ld=dtlto` finds a stand-in while we
 * compile; so a later `make` with the real ld.dtlto on PATH has the same flags, and compiles nothing again.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { heartbeat } from '../../scripts/heartbeat.mjs'
import { withLock } from '../../scripts/lock.mjs'
import { ROOT } from '../../scripts/root.mjs'
import { fetchSource } from './apt-source.js'
import { captureLink } from './capture-link.js'
import { type ProgramName, RECIPES } from './recipes.js'
import { run } from './run.js'
import { LLVM_MAJOR } from '../link/toolchain.js'

export type { ProgramName } from './recipes.js'

/** Raise it when something changes that the recipes do not show. */
const LAYOUT_VERSION = 1

const PROGRAMS = join(ROOT, 'build/programs')
/** The directory to put on PATH so that clang finds dtlto's linkers. */
export const DTLTO_BIN = join(ROOT, 'packages/dtlto/bin')

export interface Program {
  readonly name: ProgramName
  /** Of the source, for example '7.0.15-1~deb12u10'. */
  readonly version: string
  /** The directory to link in: `linkArgs` has relative paths. */
  readonly directory: string
  /** The linker's arguments as clang makes them, without `-o OUTPUT`. */
  readonly linkArgs: readonly string[]
  /** The executable's file name. */
  readonly output: string
}

/** Fetches and compiles a program unless that was done before. The first time takes minutes. */
export function prepare(name: ProgramName, log: (message: string) => void = () => undefined): Promise<Program> {
  const home = join(PROGRAMS, name)
  const record = join(home, 'program.json')
  return withLock(join(PROGRAMS, `${name}.lock`), async () => {
    const key = await recipeKey(name)
    if (existsSync(record)) {
      const saved = JSON.parse(await readFile(record, 'utf8')) as { key: string; program: Program }
      if (saved.key === key) return saved.program
    }
    await rm(home, { recursive: true, force: true })
    const source = join(home, 'source')
    await mkdir(source, { recursive: true })
    log(`fetching the source of ${name}`)
    // One at a time: two apt-get do not share their lists.
    const version = await withLock(join(PROGRAMS, 'apt.lock'), () =>
      fetchSource(sourcePackage(name), source, join(PROGRAMS, 'apt')),
    )
    log(`compiling ${name} ${version} for ThinLTO`)
    const stop = heartbeat(`compiling ${name}`)
    const program = { name, version, ...(await compile(name, source, join(home, 'capture')).finally(stop)) }
    await writeFile(record, JSON.stringify({ key, program }, undefined, 2))
    return program
  })
}

/** Rejects unless `executable`, a linked `program`, does its job: redis answers PING, git makes a commit, ninja builds. */
export async function checkProgram(program: Program, executable: string): Promise<void> {
  await RECIPES[program.name].check(executable)
}

/**
 * Links the program by its own makefile, in a copy of its tree at `copy` (must not exist), with `-fuse-ld=dtlto` and
 * the linker from `bin`. Nothing is compiled again. Returns the path of the executable.
 */
export async function linkWithMake(program: Program, copy: string, bin = DTLTO_BIN): Promise<string> {
  const { directory, target } = RECIPES[program.name]
  await copyProgram(program, copy)
  const executable = join(copy, directory, target)
  await rm(executable)
  await make(program.name, copy, bin)
  return executable
}

/** The same link in a copy of the program's tree at `copy` (must not exist): as another user would have it. */
export async function copyProgram(program: Program, copy: string): Promise<Program> {
  const source = sourceOf(program.name)
  await cp(source, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  return { ...program, directory: join(copy, relative(source, program.directory)) }
}

async function compile(name: ProgramName, source: string, capture: string) {
  const { directory, target, configure } = RECIPES[name]
  const [command, ...args] = configure ?? []
  if (command !== undefined) await run(command, args, { cwd: join(source, directory) })
  const linkArgs = await captureLink(target, capture, (bin) => make(name, source, bin))
  return { directory: join(source, directory), linkArgs, output: target }
}

async function make(name: ProgramName, source: string, bin: string): Promise<void> {
  const { directory, target, make: args } = RECIPES[name]
  await run('make', [`-j${availableParallelism()}`, '-C', join(source, directory), ...args, target], {
    env: {
      ...process.env,
      // What stock lld does is not to be shown.
      DTLTO_DISTRIBUTE: 'local',
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
      // redis and git like to record the commit of the repository around them, which is ours, and the time.
      GIT_DIR: '/nonexistent',
      SOURCE_DATE_EPOCH: '1700000000',
      // No hints from a make that may have started us.
      MAKEFLAGS: '',
      MFLAGS: '',
    },
  })
}

/** Their newest versions want other tools and flags than the recipes know: where the machine's release has those, PROGRAMS_RELEASE names an older one. */
function sourcePackage(name: ProgramName): string {
  const release = process.env['PROGRAMS_RELEASE']
  return release ? `${RECIPES[name].source}/${release}` : RECIPES[name].source
}

async function recipeKey(name: ProgramName): Promise<string> {
  const compiler = await run(`clang-${LLVM_MAJOR}`, ['--version'])
  return createHash('sha256')
    .update(JSON.stringify([LAYOUT_VERSION, ROOT, compiler, RECIPES[name]]))
    .digest('hex')
}

function sourceOf(name: ProgramName): string {
  return join(PROGRAMS, name, 'source')
}
