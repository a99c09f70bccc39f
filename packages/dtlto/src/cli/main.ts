/**
 * The linker programs: composes the link from the command line, the environment and the file, and ends the process.
 * Alone with stdout, stderr and exit.
 */
import { fstatSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type NativeArgument, native, NativeLoadError } from '@dtlto/native'
import { loadSettings } from '../config/load.js'
import type { Settings } from '../config/settings.js'
import { DtltoError } from '../errors.js'
import { LinkEvents, type LinkListener } from '../link/events.js'
import { runLink } from '../link/link.js'
import { progressLine } from '../report/progress.js'
import { LinkSummary } from '../report/summary.js'
import { LinkTimings } from '../report/timings.js'
import { LinkTrace } from '../report/trace.js'
import { printable, printableLine } from '../printable.js'
import { holdProcess } from './hold-process.js'
import { ownHelp, splitOwnOptions } from './own-options.js'
import { type LinkerProgram, linkerProgram, PROGRAM_NAMES } from './programs.js'

/** Runs the linker named by the first argument (bin/ld.dtlto passes its own name) with the others. Does not return. */
async function main([startedAs = '', ...argv]: readonly string[]): Promise<void> {
  restoreEnvironment()
  const program = linkerProgram(startedAs)
  const name = program?.name ?? 'dtlto'
  const guard = guardExit(name)
  try {
    if (/(^|\/)dtlto$/.test(startedAs)) {
      const exitCode = await runTool(argv)
      guard.done()
      process.exit(exitCode)
    }
    if (!program) {
      throw new DtltoError(
        'DTLTO_FLAVOUR_UNKNOWN',
        `cannot tell the format from the name '${startedAs}': expected ${PROGRAM_NAMES.join(', ')}`,
      )
    }
    const exitCode = await runProgram(program, argv, guard)
    native().exitProcess(exitCode)
  } catch (error) {
    say(2, `${name}: error: ${describe(error)}\n`)
    guard.done()
    process.exit(1)
  }
}

/**
 * Plugins share the process. One that ends it must not make a link look done that is not, and what it throws where nobody can catch it
 * must not end the link: the scheduler deals with the job that it leaves unanswered.
 */
function guardExit(name: string): Guard {
  let isDone = false
  let told = false
  let hasPlugins = false
  let release = (): void => undefined
  process.on('exit', () => {
    if (isDone) return
    write(2, `${name}: error: the process was ended by a distributor before the link was done\n`)
    process.exitCode = 1
  })
  const survive = (thrown: unknown): void => {
    if (!hasPlugins) {
      say(2, `${name}: error: ${describe(thrown)}\n`)
      isDone = true
      process.exit(1)
    }
    if (!told)
      say(2, `${name}: warning: a distributor raised an error that nobody caught: ${describeBriefly(thrown)}\n`)
    told = true
  }
  process.on('uncaughtException', survive)
  process.on('unhandledRejection', survive)
  return {
    done: () => {
      isDone = true
      release()
    },
    expectPlugins: () => {
      hasPlugins = true
      release = holdProcess()
    },
  }
}

interface Guard {
  /** The process may end. */
  readonly done: () => void
  /** Code that is not ours runs from now on. */
  readonly expectPlugins: () => void
}

/** bin/ld.dtlto hides the variable from Node's start, which it would slow down; child processes shall see it. */
function restoreEnvironment(): void {
  const { DTLTO_NODE_EXTRA_CA_CERTS: hidden } = process.env
  if (hidden === undefined) return
  process.env['NODE_EXTRA_CA_CERTS'] = hidden
  delete process.env['DTLTO_NODE_EXTRA_CA_CERTS']
}

/** The program `dtlto` itself: `dtlto doctor` and the like. Loaded when it is called: linkers must start fast. */
async function runTool(argv: readonly string[]): Promise<number> {
  const { tool } = await import('./tool.js')
  return tool(argv, say)
}

async function runProgram(program: LinkerProgram, argv: readonly string[], guard: Guard): Promise<number> {
  const given = losslessArguments(argv)
  const expanded = expand(given, program)
  const own = splitOwnOptions(expanded, program.windows)
  // Without options of ours in response files lld may as well read them itself.
  const rest = own.rest.length === expanded.length ? given : own.rest
  const workingDirectory = process.cwd()
  const settings = await loadSettings({
    commandLine: own.settings,
    configFile: own.configFile,
    env: process.env,
    workingDirectory,
  })
  if (settings.distributors.some(({ name }) => name !== 'local')) guard.expectPlugins()
  const trace = settings.trace === undefined ? undefined : new LinkTrace()
  const summary = settings.summary ? new LinkSummary() : undefined
  const timings = settings.timings === undefined ? undefined : new LinkTimings(settings.timings)
  const listeners: LinkListener[] = []
  if (showsProgress(settings))
    listeners.push(
      progressLine(
        (text) => write(2, text),
        () => process.stderr.columns || 80,
      ),
    ) // prettier-ignore
  if (trace) listeners.push((event) => trace.add(event))
  if (timings) listeners.push((event) => timings.add(event))
  if (summary) listeners.push((event) => summary.add(event))
  listeners.push((event) => {
    if (event.type === 'warning')
      say(2, `${program.name}: warning: ${event.distributor}: ${printableLine(event.message)}\n`)
  })
  const { exitCode } = await runLink({
    argv: [join(native().llvmBin, program.stock), ...rest],
    settings,
    env: process.env,
    workingDirectory,
    capture: false,
    pastMs: timings?.pastMs,
    events: new LinkEvents(listeners),
  })
  if (trace && settings.trace !== undefined) trace.save(settings.trace)
  const trouble = timings?.save()
  if (trouble !== undefined) say(2, `${program.name}: warning: ${printableLine(trouble)}\n`)
  if (summary) say(2, `${program.name}: ${summary.text()}`)
  if (exitCode === 0 && asksForHelp(rest, program)) write(1, ownHelp(program.windows))
  return exitCode
}

/** The arguments, as strings where they are UTF-8 and as bytes where they are not: Node replaces what it cannot decode. */
function losslessArguments(argv: readonly string[]): readonly NativeArgument[] {
  if (!argv.some((argument) => argument.includes('\uFFFD'))) return argv
  const raw = readFileSync('/proc/self/cmdline').subarray(0, -1)
  const all: Buffer[] = []
  for (let start = 0; start <= raw.length; ) {
    const end = raw.indexOf(0, start)
    all.push(raw.subarray(start, end < 0 ? raw.length : end))
    start = end < 0 ? raw.length + 1 : end + 1
  }
  return all.slice(-argv.length).map((bytes, i) => (argv[i]?.includes('\uFFFD') ? bytes : (argv[i] ?? '')))
}

function expand(argv: readonly NativeArgument[], { windows }: LinkerProgram): readonly NativeArgument[] {
  if (!argv.some((argument) => typeof argument === 'string' && argument.startsWith('@'))) return argv
  const windowsQuoting = windows || argv.some((argument) => argument === '--rsp-quoting=windows')
  return native().expandResponseFiles(argv, windowsQuoting)
}

function asksForHelp(argv: readonly NativeArgument[], { windows }: LinkerProgram): boolean {
  const spellings = windows ? ['/?', '-?', '/help', '-help', '--help'] : ['--help', '-help']
  return argv.some((argument) => typeof argument === 'string' && spellings.includes(argument))
}

/** A terminal that understands escape sequences, unless told otherwise. Merely asking Node for its stderr costs start-up time. */
function showsProgress({ progress }: Settings): boolean {
  if (progress !== 'auto') return progress === 'on'
  return process.env['TERM'] !== 'dumb' && fstatSync(2).isCharacterDevice() && process.stderr.isTTY
}

function describe(error: unknown): string {
  if (DtltoError.is(error) || error instanceof NativeLoadError) return error.message
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `this is a defect of dtlto, please report it: ${detail}`
}

function describeBriefly(thrown: unknown): string {
  try {
    return printableLine(thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)).slice(0, 1000)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** The way out of all text that is not lld's: some of it comes from servers, plugins and file names. */
function say(fd: 1 | 2, text: string): void {
  write(fd, printable(text))
}

/** Synchronous and complete: what is said must be out before the process ends, in order with what lld writes itself. */
function write(fd: 1 | 2, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
    }
  }
}

void main(process.argv.slice(2))
