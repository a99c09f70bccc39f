/**
 * `dtlto-distributor … JOBS.json`: what stock lld calls as its ThinLTO distributor. The commands of the file run on dtlto's distributors, those that
 * cannot on this machine. The objects are those of LLVM's own DTLTO, not those of in-process ThinLTO: indexes and arguments are lld's.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { native } from '@dtlto/native'
import { loadSettings } from '../config/load.js'
import { splitOwnOptions } from '../cli/own-options.js'
import { reporters } from '../cli/reporters.js'
import type { LinkFacts } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { CLOCK } from '../link/clock.js'
import { endpointsOf, openDistributors, prepareDistributors } from '../link/distributors.js'
import { LinkEvents, type LinkListener } from '../link/events.js'
import { printableLine } from '../printable.js'
import { schedule } from '../scheduler/schedule.js'
import { CommandHome } from './command-home.js'
import { CommandJob, FileContents, NEEDS_CLANG } from './command-job.js'
import { readJobsFile } from './jobs-file.js'

const NAME = 'dtlto-distributor'

/** Gives the exit code: 0 if every output is there. */
export async function distribute(argv: readonly string[], write: (fd: 1 | 2, text: string) => void): Promise<number> {
  const workingDirectory = process.cwd()
  const own = splitOwnOptions(argv, false)
  const warn = (message: string): void => write(2, `${NAME}: warning: ${printableLine(message)}\n`)
  const settings = await loadSettings({
    commandLine: own.settings,
    configFile: own.configFile,
    env: process.env,
    workingDirectory,
    warn,
  })
  const [path, ...more] = own.rest
  if (typeof path !== 'string' || more.length > 0)
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `expected options of dtlto and one JSON file but received '${argv.join(' ')}'`,
    )
  const commands = readJobsFile(path)
  const prepared = await prepareDistributors(settings, workingDirectory)
  for (const { definition, options, from } of prepared.distributors) {
    if (definition.compilesWith?.(options) === 'dtlto-codegen')
      throw new DtltoError(
        'DTLTO_OPTION_INVALID',
        `${from}: '${definition.name}' compiles with dtlto-codegen, and ${NEEDS_CLANG}`,
      )
  }

  const target = commands[0]?.args.find((argument) => argument.startsWith('--target=')) ?? ''
  const facts: LinkFacts = {
    flavour: target.includes('windows') ? 'coff' : 'elf',
    llvmVersion: native().llvmVersion,
    workingDirectory,
  }
  const reported = reporters({
    settings,
    program: NAME,
    flavour: 'gnu',
    argv: own.rest,
    env: process.env,
    workingDirectory,
    warn,
    write: (text) => write(2, text),
  })
  const listeners: LinkListener[] = [
    ...reported.listeners,
    (event) => {
      if (event.type === 'warning') warn(`${event.distributor}: ${event.message}`)
    },
  ]
  const events = new LinkEvents(listeners)
  const over = new AbortController()
  const files = new FileContents()
  const jobs = commands.map((command, index) => new CommandJob(command, index, facts, files))
  const home = prepared.home && new CommandHome(jobs, prepared.home.slots)
  const around = { facts, env: process.env, signal: over.signal, events, localSlots: () => home?.slots ?? 1 }
  const distributors = openDistributors(prepared.distributors, around)
  const endpoints = endpointsOf(distributors, { settings, events, env: process.env, hasHome: home !== undefined })
  let failed = false
  try {
    if (jobs.length > 0) {
      events.emit({ type: 'jobs', jobs })
      const placed = new Set<number>()
      const results = await Promise.race([
        schedule({
          jobs,
          home,
          homeTakesPart: prepared.home?.takesPart === true,
          endpoints,
          clock: CLOCK,
          signal: over.signal,
          onEvent: (event) => events.schedule(event),
          accept: ({ index }, { object }) => {
            if (placed.has(index)) return 'lost'
            if (object.length === 0) throw new DtltoError('DTLTO_OBJECT_REJECTED', 'the object is empty')
            place((jobs[index] as CommandJob).command.output, object)
            placed.add(index)
            return 'placed'
          },
        }),
        distributors.refused,
      ])
      for (const [index, result] of results.entries()) {
        if (result.kind === 'done') continue
        failed = true
        const { module } = (jobs[index] as CommandJob).command
        const why =
          result.kind === 'failed'
            ? result.error instanceof Error
              ? result.error.message
              : String(result.error)
            : 'does not compile'
        write(2, `${NAME}: error: ${printableLine(`${module}: ${why}`)}\n`)
      }
      events.emit({ type: 'objects', importsOf: () => [] })
    }
  } finally {
    over.abort()
    endpoints.end()
    await home?.isIdle()
    await distributors.close()
    events.emit({ type: 'end', exitCode: failed ? 1 : 0 })
  }
  await reported.save()
  return failed ? 1 : 0
}

/** lld may look as soon as it is there. */
function place(path: string, bytes: Uint8Array): void {
  const part = `${path}.part`
  try {
    writeFileSync(part, bytes)
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}
