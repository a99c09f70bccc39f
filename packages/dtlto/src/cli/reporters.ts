/** What a link tells beside lld: progress, trace, summary, report, statistics; put together from the settings, for all programs that run jobs. */
import { arch, cpus, hostname, release, totalmem, type } from 'node:os'
import { type NativeArgument, native } from '@dtlto/native'
import { SETTING_KEYS, SETTINGS, writtenName } from '../config/table.js'
import { placeOf, type Settings } from '../config/settings.js'
import type { Environment } from '../config/variables.js'
import type { LinkListener } from '../link/events.js'
import { messageOf } from '../message-of.js'
import { LinkReport, type ReportFacts } from '../report/link-report.js'
import { recordOf } from '../report/link-statistics.js'
import { LinkSummary } from '../report/summary.js'
import { LinkTimings } from '../report/timings.js'
import { LinkTrace } from '../report/trace.js'
import { withoutSecrets } from '../report/without-secrets.js'
import { append } from './append-line.js'
import { inputFiles } from './link-inputs.js'
import { outputOf, text } from './output-name.js'
import { writeReport } from './report-file.js'
import type { Flavour } from './programs.js'
import { statisticsFile } from './statistics-file.js'

/** Of a command line that is kept. */
const ARGUMENTS = 1_000

export interface Reporters {
  readonly listeners: readonly LinkListener[]
  readonly pastMs: LinkTimings['pastMs']
  readonly memoryFactor: LinkTimings['memoryFactor']
  /** After the link. */
  save(): Promise<void>
}

export interface Reported {
  readonly settings: Settings
  /** As the user started it, without directories. */
  readonly program: string
  /** Which lld. */
  readonly flavour: Flavour
  /** Its arguments. */
  readonly argv: readonly NativeArgument[]
  readonly env: Environment
  readonly workingDirectory: string
  readonly warn: (message: string) => void
  readonly write: (text: string) => void
}

/** Throws DTLTO_OPTION_INVALID for files that cannot be what they should. */
export function reporters(about: Reported): Reporters {
  const { settings, program, warn, write } = about
  const needsReport = settings.report !== undefined || settings.stats !== false
  const trace = settings.trace === undefined ? undefined : new LinkTrace(traceFacts(about))
  const report = needsReport ? new LinkReport(reportFacts(about)) : undefined
  const summary = settings.summary === false ? undefined : new LinkSummary(undefined, () => inputsOf(about))
  const timings =
    settings.timings === undefined ? undefined : new LinkTimings(settings.timings, placeOf(settings, 'timings'))
  const listeners = [trace, report, timings, summary].flatMap((one): LinkListener[] =>
    one ? [(event) => one.add(event)] : [],
  )
  const save = async (): Promise<void> => {
    // None of them is worth a link that has gone well.
    for (const trouble of [trace && saveTrace(trace, settings), timings?.save()])
      if (trouble !== undefined) warn(trouble)
    if (report) await saveReport(report, about)
    if (summary === undefined) return
    const text = `${program}: ${summary.text()}`
    if (settings.summary === true) return write(text)
    const head = `${new Date().toISOString()} ${outputOf(about.argv, about.flavour)}\n`
    const problem = append(String(settings.summary), `${head}${text}`)
    if (problem !== undefined) warn(`${placeOf(settings, 'summary')}: ${problem}`)
  }
  return { listeners, pastMs: timings?.pastMs, memoryFactor: timings?.memoryFactor, save }
}

/** Why it could not be written. */
function saveTrace(trace: LinkTrace, settings: Settings): string | undefined {
  try {
    trace.save(String(settings.trace), placeOf(settings, 'trace'))
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

async function saveReport(report: LinkReport, { settings, env, warn }: Reported): Promise<void> {
  const document = report.document()
  const trouble = settings.report === undefined ? undefined : await writeReport(settings.report, document)
  if (trouble !== undefined) warn(`${placeOf(settings, 'report')}: ${trouble}`)
  if (settings.stats === false) return
  const path = statisticsFile(settings.stats, env)
  const line = `${JSON.stringify(recordOf(document))}\n`
  const problem =
    path === undefined
      ? 'neither XDG_STATE_HOME nor HOME names a directory'
      : append(path, line, { makeDirectory: settings.stats === true })
  if (problem !== undefined) warn(`${placeOf(settings, 'stats')}: ${problem}`)
}

function traceFacts(about: Reported): Readonly<Record<string, string>> {
  const { dtlto, llvm, node } = versions()
  return { program: about.program, dtlto, llvm, node, command: commandOf(about.argv).join(' ') }
}

function reportFacts(about: Reported): ReportFacts {
  const { settings, program, flavour, argv, workingDirectory } = about
  const processors = cpus()
  return {
    program,
    versions: versions(),
    host: {
      name: hostname(),
      system: `${type()} ${release()}`,
      arch: arch(),
      cpus: processors.length,
      cpu: processors[0]?.model.trim() ?? 'unknown',
      memoryBytes: totalmem(),
    },
    startedAt: new Date(performance.timeOrigin).toISOString(),
    output: outputOf(argv, flavour),
    command: commandOf(argv),
    workingDirectory,
    settings: changedSettings(settings),
    distributors: settings.distributors.map(({ name, options }) => ({
      name,
      options: Object.fromEntries(Object.entries(options).map(([key, value]) => [key, harmless(value)])),
    })),
  }
}

const versions = (): ReportFacts['versions'] => ({
  dtlto: native().version,
  llvm: native().llvmVersion,
  node: process.versions.node,
})

function changedSettings(settings: Settings): ReportFacts['settings'] {
  return Object.fromEntries(
    SETTING_KEYS.flatMap((key) => {
      const value: unknown = settings[key]
      const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      return isPlain && value !== SETTINGS[key].default ? [[writtenName(key), value]] : []
    }),
  )
}

/** A header may hold a token and an address a password: what is shown is what cannot. */
function harmless(value: unknown): string {
  const text = String(value)
  return /^(?:\d+|true|false|on|off)$/.test(text) ? text : '…'
}

function commandOf(argv: readonly NativeArgument[]): string[] {
  const words = argv.slice(0, ARGUMENTS).map((argument) => withoutSecrets(text(argument)))
  return argv.length > ARGUMENTS ? [...words, `… ${String(argv.length - ARGUMENTS)} more`] : words
}

/** How many it has. What an earlier link has left at its output is none. */
function inputsOf({ argv, flavour }: Reported): number {
  const output = outputOf(argv, flavour)
  return inputFiles(argv.filter((argument) => text(argument) !== output))
}
