/**
 * The linker programs: composes the link from the command line, the environment and the file, and ends the process.
 * What dtlto itself says goes out here, and here alone the process ends.
 */
import { createRequire } from 'node:module'
import { chooseNative, type NativeArgument, native, NativeLoadError, type NativeStart } from '@dtlto/native'
import { loadSettings } from '../config/load.js'
import { DOCTOR_VARIABLE } from '../config/variables.js'
import { type Compiled, useCompiled } from '../distributors/compiled.js'
import { DtltoError } from '../errors.js'
import { LinkEvents, type LinkListener } from '../link/events.js'
import { runLink } from '../link/link.js'
import * as plugin from '../plugin.js'
import { progressFor } from './progress.js'
import { reporters } from './reporters.js'
import { printable, printableLine } from '../printable.js'
import { useBlockingStreams } from './blocking-streams.js'
import { holdProcess } from './hold-process.js'
import { otherDistributor, ownHelp, splitOwnOptions } from './own-options.js'
import { DISTRIBUTOR_PROGRAM, PROGRAM_NAMES } from './programs.js'
import { restoreEnvironment, type StartInformation, startInformation } from './start-information.js'
import { keepYoungGeneration, optimizeLate } from './v8-flags.js'
import { writeAll } from '../write-all.js'

/** Runs the program that the launcher was started as. Does not return. */
async function main(started: StartInformation): Promise<void> {
  restoreEnvironment(process.env)
  useCompiled({ ...(createRequire(import.meta.url)('./load.cjs') as Pick<Compiled, 'compile'>), plugin })
  if (started.native) chooseNative(started.native)
  useBlockingStreams()
  const name = started.startedAs.replace(/^.*\//, '')
  const guard = guardExit(name)
  try {
    if (started.flavour === 'tool') {
      const exitCode = await runTool(name, started.argv.map(String))
      guard.done()
      process.exit(exitCode)
    }
    if (started.flavour === 'unknown') {
      throw new DtltoError(
        'DTLTO_FLAVOUR_UNKNOWN',
        `cannot tell the format from the name '${started.startedAs}': expected ${PROGRAM_NAMES.join(', ')}`,
      )
    }
    const exitCode = await runProgram(name, started, guard)
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
    writeAll(2, `${name}: error: the process was ended by a distributor before the link was done\n`)
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

/** The program `dtlto` itself: `dtlto doctor` and the like; and `dtlto-distributor`. Loaded when they are called: linkers must start fast. */
async function runTool(name: string, argv: readonly string[]): Promise<number> {
  if (name.startsWith(DISTRIBUTOR_PROGRAM)) {
    const { distribute } = await import('../llvm-dtlto/distribute.js')
    return distribute(argv, say)
  }
  const { tool } = await import('./tool.js')
  return tool(argv, say)
}

/** What Node changed at its start is again as it was. */
function becomeLinker(start: NativeStart): void {
  // For signals that are ignored there have been listeners until now (start.cjs).
  if (start.ignoredSignals.length > 0) {
    for (const event of process.eventNames()) if (/^SIG/.test(String(event))) process.removeAllListeners(event)
  }
  native().actAsLinker(start)
}

async function runProgram(name: string, started: StartInformation, guard: Guard): Promise<number> {
  becomeLinker(started.process)
  const windows = started.flavour === 'coff'
  const given = started.argv
  const expanded = expand(given, started.windowsQuoting)
  const own = splitOwnOptions(expanded, windows)
  // Without options of ours in response files lld may as well read them itself; who reads them for jobs knows no --rsp-quoting.
  const quotingIsUsual = started.windowsQuoting === windows
  const rest = own.rest.length === expanded.length && quotingIsUsual ? given : own.rest
  const workingDirectory = currentDirectory()
  const warning = (message: string): string => `${name}: warning: ${printableLine(message)}\n`
  const warn = (message: string): void => say(2, warning(message))
  const settings = await loadSettings({
    commandLine: own.settings,
    configFile: own.configFile,
    env: process.env,
    workingDirectory,
    warn,
  })
  const file = process.env[DOCTOR_VARIABLE]
  if (file) {
    guard.expectPlugins()
    const { examineLink } = await import('./doctor/link-examination.js')
    return examineLink({ flavour: started.flavour, argv: [started.stock, ...rest], settings, workingDirectory, file })
  }
  const remote = settings.distributors.find(({ name }) => name !== 'local')
  if (remote) {
    guard.expectPlugins()
    optimizeLate()
    const other = otherDistributor(rest, windows)
    if (other !== undefined) warn(`${remote.from} is not used: '${other}' has lld distribute the jobs itself`)
  }
  const hasLargeRequests = settings.distributors.some(({ name }) => name === 'distcc')
  const reported = reporters({
    settings,
    program: name,
    flavour: started.flavour,
    argv: own.rest,
    env: process.env,
    workingDirectory,
    warn,
    write: (text) => say(2, text),
  })
  const progress = progressFor(settings.progress, process.env, name, (text) => writeAll(2, text))
  const listeners: LinkListener[] = [...(progress ? [progress] : []), ...reported.listeners]
  listeners.push((event) => {
    if (event.type === 'warning') warn(`${event.distributor}: ${event.message}`)
    if (event.type === 'jobs' && hasLargeRequests) keepYoungGeneration()
  })
  const { exitCode } = await runLink({
    argv: [started.stock, ...rest],
    settings,
    env: process.env,
    workingDirectory,
    capture: false,
    pastMs: reported.pastMs,
    memoryFactor: reported.memoryFactor,
    events: new LinkEvents(listeners),
    notice: warning,
  })
  await reported.save()
  // LLVM's tests of lld want its words alone, and count how often it opens a file.
  if (exitCode !== 0 && process.env['LLD_IN_TEST'] === undefined) {
    const { newerBitcodeHint } = await import('./newer-bitcode.js')
    const hint = newerBitcodeHint(name, own.rest, native().llvmVersion)
    if (hint !== undefined) say(2, `${name}: note: ${printableLine(hint)}\n`)
  }
  if (exitCode === 0 && asksForHelp(rest, windows)) writeAll(1, ownHelp(windows))
  return exitCode
}

/** A directory that was deleted has no path, and no settings above it; inputs and output may be elsewhere. */
function currentDirectory(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}

function expand(argv: readonly NativeArgument[], windowsQuoting: boolean): readonly NativeArgument[] {
  if (!argv.some((argument) => typeof argument === 'string' && argument.startsWith('@'))) return argv
  return native().expandResponseFiles(argv, windowsQuoting)
}

function asksForHelp(argv: readonly NativeArgument[], windows: boolean): boolean {
  const spellings = windows ? ['/?', '-?', '/help', '-help', '--help'] : ['--help', '-help']
  return argv.some((argument) => typeof argument === 'string' && spellings.includes(argument))
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
  writeAll(fd, printable(text))
}

void main(startInformation(process.argv.slice(2)))
