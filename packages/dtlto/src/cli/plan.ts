/** `dtlto plan LINK.json`, and the plan that `dtlto report` puts into its page. */
import { DtltoError } from '../errors.js'
import { jobsOf, planLink, type PlanOptions } from '../plan/plan-link.js'
import type { ReportDocument, ReportPlan } from '../report/report-document.js'
import { readReport } from './report-file.js'

const SLOTS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
const USAGE =
  'dtlto plan LINK.json [--slots=8,16,…] [--bandwidth=MBYTES-A-SECOND] [--latency=MS] [--json]: expected the file of --distribute-report=LINK.json'

/** Of a report whose link had jobs that made objects. */
export async function planOf(
  report: ReportDocument,
  options: Partial<PlanOptions> = {},
): Promise<ReportPlan | undefined> {
  const jobs = jobsOf(report)
  if (jobs.length === 0) return undefined
  return planLink(jobs, { slots: SLOTS, latencyMs: 1, bandwidth: undefined, ...options })
}

export async function planCommand(argv: readonly string[], write: (text: string) => void): Promise<number> {
  const { path, json, options } = parse(argv)
  const report = readReport(path)
  const plan = await planOf(report, options)
  if (plan === undefined) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `'${path}' is of a link in which nothing was compiled: nothing to plan`,
    )
  }
  write(json ? `${JSON.stringify(plan)}\n` : describe(report, plan))
  return 0
}

function describe(
  { output, jobs, analysis, phases }: ReportDocument,
  { points, latencyMs, bandwidth }: ReportPlan,
): string {
  const aroundMs = phases.endMs - analysis.backendsMs
  const wire =
    bandwidth === undefined ? 'a wire without limit' : `${String(Number((bandwidth / 1e6).toPrecision(3)))} MB/s in all`
  const rows = points.map(({ slots, backendsMs, lowerBoundMs }, i) => {
    const before = points[i - 1]
    const gain = before === undefined ? '' : `${(before.backendsMs / Math.max(1, backendsMs)).toFixed(2)} x`
    return [slots, seconds(backendsMs), seconds(backendsMs + aroundMs), seconds(lowerBoundMs), gain].map(String)
  })
  const head = ['slots', 'backends', 'whole link', 'lower bound', 'against the line above']
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padStart(widths[i] ?? 0))
      .join('   ')
      .trimEnd()
  return [
    `${output}: ${String(jobs.length)} jobs, ${seconds(analysis.workMs)} of work; recorded ${seconds(analysis.backendsMs)} on ${String(analysis.slots)} slots`,
    `machines of 8 slots, ${String(latencyMs)} ms away, ${wire}`,
    '',
    line(head),
    ...rows.map(line),
    '',
  ].join('\n')
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

function parse(argv: readonly string[]): { path: string; json: boolean; options: Partial<PlanOptions> } {
  let path: string | undefined
  let json = false
  let options: Partial<PlanOptions> = {}
  for (const argument of argv) {
    const [, name, value = ''] = /^--(slots|bandwidth|latency)=(.*)$/.exec(argument) ?? []
    if (name === 'slots')
      options = { ...options, slots: value.split(',').map((text) => number(argument, text, 1, 100_000)) }
    else if (name === 'bandwidth') options = { ...options, bandwidth: number(argument, value, 0.001, 1e6) * 1e6 }
    else if (name === 'latency') options = { ...options, latencyMs: number(argument, value, 0, 60_000) }
    else if (argument === '--json') json = true
    else if (argument.startsWith('-') || path !== undefined) throw refuse(argument)
    else path = argument
  }
  if (path === undefined) throw refuse('nothing')
  return { path, json, options }
}

function number(argument: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (text !== '' && value >= min && value <= max && (argument.startsWith('--slots') ? Number.isInteger(value) : true))
    return value
  throw new DtltoError(
    'DTLTO_OPTION_INVALID',
    `${argument}: expected a number from ${String(min)} to ${String(max)} but received '${text}'`,
  )
}

const refuse = (what: string): DtltoError => new DtltoError('DTLTO_OPTION_INVALID', `${USAGE}, but received '${what}'`)
