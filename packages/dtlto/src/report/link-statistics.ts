/**
 * `--distribute-stats` and `dtlto stats`: what the links of a user came to. A line of JSON for each link is appended to a file, in one write, so that any number of
 * links may do so at a time without a lock; who reads adds up. docs/report.md has the fields.
 */
import type { ReportDocument } from './report-document.js'

/** One link. Times in milliseconds, sizes in bytes. */
export interface LinkRecord {
  readonly dtltoStats: 1
  /** ISO 8601, UTC. */
  readonly at: string
  readonly ok: boolean
  readonly modules: number
  readonly cacheHits: number
  readonly jobs: number
  readonly totalMs: number
  readonly backendsMs: number
  /** All backends one after the other. */
  readonly workMs: number
  readonly retries: number
  /** By distributor; `local` is this machine. */
  readonly farms: Readonly<Record<string, FarmRecord>>
}

export interface FarmRecord {
  readonly jobs: number
  readonly workMs: number
  readonly sentBytes: number
  readonly troubles: number
}

export function recordOf({ startedAt, exitCode, modules, jobs, phases, places, analysis }: ReportDocument): LinkRecord {
  const farms: Record<string, FarmRecord> = {}
  for (const [i, place] of analysis.places.entries()) {
    const name = places[i]?.distributor ?? ''
    const { jobs = 0, workMs = 0, sentBytes = 0, troubles = 0 } = farms[name] ?? {}
    farms[name] = {
      jobs: jobs + place.jobs,
      workMs: Math.round(workMs + place.busyMs),
      sentBytes: sentBytes + place.sentBytes,
      troubles: troubles + place.troubles,
    }
  }
  return {
    dtltoStats: 1,
    at: startedAt,
    ok: exitCode === 0,
    modules: modules.total,
    cacheHits: modules.cacheHits,
    jobs: jobs.length,
    totalMs: Math.round(phases.endMs),
    backendsMs: Math.round(analysis.backendsMs),
    workMs: Math.round(analysis.workMs),
    retries: analysis.retries,
    farms,
  }
}

export interface Totals {
  links: number
  failed: number
  modules: number
  cacheHits: number
  jobs: number
  retries: number
  totalMs: number
  backendsMs: number
  workMs: number
  /** What the backends took less than their work one after the other. */
  savedMs: number
}

export interface Statistics {
  readonly dtltoStats: 1
  readonly since: string | undefined
  readonly total: Totals
  readonly farms: Readonly<Record<string, FarmRecord>>
  /** By day, UTC. */
  readonly days: Readonly<Record<string, Totals>>
  /** Lines that could not be read. */
  readonly damaged: number
}

const noTotals = (): Totals => ({
  links: 0,
  failed: 0,
  modules: 0,
  cacheHits: 0,
  jobs: 0,
  retries: 0,
  totalMs: 0,
  backendsMs: 0,
  workMs: 0,
  savedMs: 0,
})

/** Adds up the lines of a file. A line that is cut off, as by a full disk, is counted and left out. */
export function addUp(text: string): Statistics {
  const total = noTotals()
  const days = new Map<string, Totals>()
  const farms = new Map<string, { jobs: number; workMs: number; sentBytes: number; troubles: number }>()
  let since: string | undefined
  let damaged = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    const record = parse(line)
    if (record === undefined) {
      damaged++
      continue
    }
    if (since === undefined || record.at < since) since = record.at
    const day = record.at.slice(0, 10)
    const today = days.get(day) ?? noTotals()
    days.set(day, today)
    for (const sum of [total, today]) addLink(sum, record)
    for (const [name, farm] of Object.entries(record.farms)) {
      const sum = farms.get(name) ?? { jobs: 0, workMs: 0, sentBytes: 0, troubles: 0 }
      farms.set(name, sum)
      for (const key of ['jobs', 'workMs', 'sentBytes', 'troubles'] as const) sum[key] += farm[key]
    }
  }
  return {
    dtltoStats: 1,
    since,
    total,
    farms: Object.fromEntries(farms),
    days: Object.fromEntries([...days].sort(([a], [b]) => (a < b ? -1 : 1))),
    damaged,
  }
}

function addLink(sum: Totals, record: LinkRecord): void {
  sum.links++
  if (!record.ok) sum.failed++
  for (const key of ['modules', 'cacheHits', 'jobs', 'retries', 'totalMs', 'backendsMs', 'workMs'] as const)
    sum[key] += record[key]
  sum.savedMs += Math.max(0, record.workMs - record.backendsMs)
}

const NUMBERS = ['modules', 'cacheHits', 'jobs', 'retries', 'totalMs', 'backendsMs', 'workMs'] as const

function parse(line: string): LinkRecord | undefined {
  try {
    const record = JSON.parse(line) as Partial<LinkRecord>
    const isGood =
      record.dtltoStats === 1 &&
      typeof record.at === 'string' &&
      typeof record.farms === 'object' &&
      NUMBERS.every((key) => Number.isFinite(record[key]))
    return isGood ? (record as LinkRecord) : undefined
  } catch {
    return undefined
  }
}

/** For people, as ccache's and sccache's users know it. */
export function describe({ since, total, farms, days, damaged }: Statistics): string {
  if (total.links === 0) return 'no links counted yet: link with --distribute-stats, or set DTLTO_STATS=1\n'
  const share = (part: number, all: number): string => (all > 0 ? ` (${((part / all) * 100).toFixed(1)} %)` : '')
  const rows: [string, string][] = [
    ['Links', `${String(total.links)}${total.failed > 0 ? `, ${String(total.failed)} failed` : ''}`],
    ['ThinLTO modules', String(total.modules)],
    ['Cache hits', `${String(total.cacheHits)}${share(total.cacheHits, total.modules)}`],
    ['Compiled', `${String(total.jobs)}${share(total.jobs, total.modules)}`],
    ['Tried again', String(total.retries)],
    ['Time in links', duration(total.totalMs)],
    ['Time in backends', duration(total.backendsMs)],
    ['Work of backends', duration(total.workMs)],
    ['Time saved', `${duration(total.savedMs)} against one backend after the other`],
  ]
  const farmRows = Object.entries(farms)
    .sort(([, a], [, b]) => b.jobs - a.jobs)
    .map(([name, { jobs, workMs, sentBytes, troubles }]): [string, string] => [
      `  ${name === 'local' ? 'this machine' : name}`,
      `${String(jobs)} jobs, ${duration(workMs)}${sentBytes > 0 ? `, ${(sentBytes / 1e6).toFixed(1)} MB of bitcode` : ''}${troubles > 0 ? `, ${String(troubles)} failures` : ''}`,
    ])
  const dayRows = Object.entries(days)
    .slice(-14)
    .map(([day, { links, jobs, cacheHits, savedMs }]): [string, string] => [
      `  ${day}`,
      `${String(links)} links, ${String(jobs)} jobs, ${String(cacheHits)} hits, ${duration(savedMs)} saved`,
    ])
  const width = Math.max(...[...rows, ...farmRows, ...dayRows].map(([name]) => name.length))
  const lines = (list: readonly [string, string][]): string[] =>
    list.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
  return [
    `since ${String(since)}`,
    ...lines(rows),
    'By farm',
    ...lines(farmRows),
    'By day (UTC)',
    ...lines(dayRows),
    ...(damaged > 0 ? [`${String(damaged)} lines of the file could not be read`] : []),
    '',
  ].join('\n')
}

function duration(ms: number): string {
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 120 ? `${String(minutes)} min` : `${(minutes / 60).toFixed(1)} h`
}
