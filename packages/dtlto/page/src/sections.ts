/** The parts of the page that are tables and lists. */
import { beganMs, type ReportAttempt, type ReportDocument, type ReportPlan } from '../../src/report/report-document.js'
import { type Column, el, section, table, type Table } from './dom.js'
import { bytes, count, outcomeText, percent, placeName, reasonText, seconds } from './words.js'

const SLOWEST = 25

const lengthOf = (attempt: ReportAttempt): number => attempt.endMs - beganMs(attempt)

/** All attempts; rows are positions in the report. */
export function jobsTable(report: ReportDocument): Table<number> {
  const at = (i: number): ReportAttempt => report.attempts[i] as ReportAttempt
  const place = (i: number): string => {
    const found = report.places[at(i).place]
    return found ? placeName(found) : ''
  }
  const module = (i: number): string => report.jobs[at(i).job]?.module ?? ''
  const columns: Column<number>[] = [
    { title: 'Module', key: module, cell: module },
    { title: 'Machine', key: place, cell: place },
    { title: 'Start', isNumber: true, key: (i) => beganMs(at(i)), cell: (i) => seconds(beganMs(at(i))) },
    { title: 'Time', isNumber: true, key: (i) => lengthOf(at(i)), cell: (i) => seconds(lengthOf(at(i))) },
    {
      title: 'Waited',
      isNumber: true,
      key: (i) => at(i).waitedMs + (at(i).queuedMs ?? 0),
      cell: (i) => seconds(at(i).waitedMs + (at(i).queuedMs ?? 0)),
    },
    { title: 'Outcome', key: (i) => at(i).outcome, cell: (i) => `${reasonText(at(i))}; ${outcomeText(at(i))}` },
  ]
  return table(
    'All attempts to compile a module',
    columns,
    report.attempts.map((_, i) => i),
  )
}

/** By place: instructions of its modules for each of its milliseconds, as a share of the fastest place's. */
function speeds({ jobs, places, attempts }: ReportDocument): readonly (number | undefined)[] {
  const done = places.map(() => ({ cost: 0, ms: 0 }))
  for (const attempt of attempts) {
    const at = done[attempt.place]
    if (attempt.outcome !== 'placed' || at === undefined) continue
    at.cost += jobs[attempt.job]?.cost ?? 0
    at.ms += attempt.compileMs ?? lengthOf(attempt)
  }
  const all = done.map(({ cost, ms }) => (cost > 0 && ms > 0 ? cost / ms : undefined))
  const fastest = Math.max(...all.map((speed) => speed ?? 0))
  return all.map((speed) => (speed === undefined ? undefined : speed / fastest))
}

export function placesSection(report: ReportDocument): HTMLElement {
  const { places, analysis } = report
  const speed = speeds(report)
  const rows = places.map((_, i) => i)
  const of = (i: number): ReportDocument['analysis']['places'][number] | undefined => analysis.places[i]
  const number = (
    title: string,
    value: (i: number) => number,
    text = (n: number): string => n.toLocaleString('en'),
  ): Column<number> => ({ title, isNumber: true, key: value, cell: (i) => text(value(i)) })
  const name = (i: number): string => {
    const at = places[i]
    return at ? placeName(at) : ''
  }
  const columns: Column<number>[] = [
    { title: 'Machine', key: name, cell: name },
    number('Modules', (i) => of(i)?.jobs ?? 0),
    number('Attempts', (i) => of(i)?.attempts ?? 0),
    number('Failures', (i) => of(i)?.troubles ?? 0),
    number('At a time', (i) => of(i)?.mostAtATime ?? 0),
    number('Work', (i) => of(i)?.busyMs ?? 0, seconds),
    {
      title: 'Speed',
      isNumber: true,
      key: (i) => speed[i] ?? 0,
      cell: (i) => (speed[i] === undefined ? '' : percent(speed[i])),
    },
    number('Bitcode sent', (i) => of(i)?.sentBytes ?? 0, bytes),
    {
      title: 'Busy',
      isNumber: true,
      key: (i) => of(i)?.utilisation ?? 0,
      cell: (i) => {
        const share = of(i)?.utilisation ?? 0
        const bar = el('meter', {
          min: 0,
          max: 1,
          value: share,
          'aria-label': `${name(i)}: busy ${percent(share)} of the time`,
        })
        return el('span', {}, bar, ` ${percent(share)}`)
      },
    },
  ]
  const title = 'Where the modules were compiled'
  const meaning = el(
    'p',
    { class: 'dim' },
    "Speed: instructions compiled a second, as a share of the fastest machine's.",
  )
  return section(title, meaning, table(title, columns, rows).element)
}

export function planTable({ points }: ReportPlan): HTMLElement {
  const columns: Column<ReportPlan['points'][number]>[] = [
    { title: 'Slots', isNumber: true, cell: ({ slots }) => String(slots) },
    { title: 'Backends', isNumber: true, cell: ({ backendsMs }) => seconds(backendsMs) },
    { title: 'Not possible below', isNumber: true, cell: ({ lowerBoundMs }) => seconds(lowerBoundMs) },
  ]
  return el(
    'details',
    {},
    el('summary', {}, 'The same as a table'),
    table('With other numbers of slots', columns, points).element,
  )
}

export function slowestSection({ attempts, jobs, places }: ReportDocument): HTMLElement {
  const slowest = attempts.filter(({ outcome }) => outcome === 'placed').sort((a, b) => lengthOf(b) - lengthOf(a))
  const columns: Column<ReportAttempt>[] = [
    { title: 'Module', cell: ({ job }) => jobs[job]?.module },
    { title: 'Time', isNumber: true, key: lengthOf, cell: (attempt) => seconds(lengthOf(attempt)) },
    {
      title: 'Machine',
      cell: ({ place }) => {
        const at = places[place]
        return at && placeName(at)
      },
    },
    {
      title: 'Instructions',
      isNumber: true,
      key: ({ job }) => jobs[job]?.cost ?? 0,
      cell: ({ job }) => (jobs[job]?.cost ?? 0).toLocaleString('en'),
    },
    {
      title: 'Own bitcode',
      isNumber: true,
      key: ({ job }) => jobs[job]?.bitcodeBytes ?? 0,
      cell: ({ job }) => bytes(jobs[job]?.bitcodeBytes ?? 0),
    },
    {
      title: 'Imports from',
      cell: ({ job }) => {
        const { imports = [], importedModules = 0, importedBytes = 0 } = jobs[job] ?? {}
        if (importedModules === 0) return 'nothing'
        const head = `${count(importedModules, 'module')}, ${bytes(importedBytes)}`
        if (imports.length === 0) return head
        return el(
          'details',
          {},
          el('summary', {}, head),
          el('ul', {}, ...imports.map((module) => el('li', {}, module))),
        )
      },
    },
  ]
  return section('Slowest modules', table('Slowest modules', columns, slowest.slice(0, SLOWEST)).element)
}

export function stayedSection({ analysis, jobs, distributors }: ReportDocument): HTMLElement {
  const title = 'What stayed on this machine, and why'
  if (analysis.stayed.length === 0) {
    const only = distributors.every(({ name }) => name === 'local')
    return section(
      title,
      el(
        'p',
        {},
        only ? 'All of it: no distributor was named.' : 'Nothing had to: every module could be compiled elsewhere.',
      ),
    )
  }
  const items = analysis.stayed.map(({ why, jobs: which }) =>
    el(
      'li',
      {},
      el(
        'details',
        {},
        el('summary', {}, `${count(which.length, 'module')}: ${why}`),
        el('ul', {}, ...which.slice(0, 200).map((job) => el('li', {}, jobs[job]?.module ?? ''))),
      ),
    ),
  )
  return section(title, el('ul', {}, ...items))
}

export function againSection({ analysis, incidents }: ReportDocument): HTMLElement {
  const { troubles, hedges, hedgesWon, misses } = analysis
  const facts = [
    ...troubles.map(({ why, times }) => `${count(times, 'time')}: ${why}`),
    ...(hedges > 0
      ? [`${count(hedges, 'late job')} started a second time; ${count(hedgesWon, 'time')} the second was first`]
      : []),
    ...(misses > 0 ? [`${count(misses, 'job')} not in a cache of a distributor`] : []),
  ]
  const list = incidents.map(({ atMs, kind, distributor, endpoint, text }) =>
    el(
      'li',
      {},
      `${seconds(atMs)}: ${[distributor, endpoint].filter((name) => name !== undefined && name !== '').join(' ')} ${kind === 'warning' ? 'warning' : kind}: ${text}`,
    ),
  )
  return section(
    'Failures and second attempts',
    facts.length === 0 && list.length === 0
      ? el('p', {}, 'None.')
      : el('ul', {}, ...facts.map((text) => el('li', {}, text))),
    list.length === 0
      ? undefined
      : el(
          'details',
          {},
          el('summary', {}, `What happened when: ${count(list.length, 'event')}`),
          el('ol', {}, ...list),
        ),
  )
}

export function environmentSection(report: ReportDocument): HTMLElement {
  const { host, versions, settings, distributors, command, workingDirectory, program } = report
  const rows: (readonly [string, string])[] = [
    ['Machine', `${host.name}: ${host.system}, ${host.arch}`],
    ['Processors', `${String(host.cpus)} × ${host.cpu}`],
    ['Memory', bytes(host.memoryBytes)],
    ['Versions', `dtlto ${versions.dtlto}, LLVM ${versions.llvm}, Node ${versions.node}`],
    [
      'Distributors',
      distributors
        .map(({ name, options }) =>
          [name, ...Object.entries(options).map(([key, value]) => `${key}=${value}`)].join(','),
        )
        .join('  '),
    ],
    [
      'Settings',
      Object.entries(settings)
        .map(([key, value]) => `${key} = ${String(value)}`)
        .join('; ') || 'all at their defaults',
    ],
    ['Directory', workingDirectory],
  ]
  return section(
    'Settings, versions and host',
    el(
      'div',
      { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Settings, versions and host' },
      el(
        'table',
        {},
        el(
          'tbody',
          {},
          ...rows.map(([name, value]) =>
            el('tr', {}, el('th', { scope: 'row' }, name), el('td', { class: 'name' }, value)),
          ),
        ),
      ),
    ),
    el('details', {}, el('summary', {}, 'Command line'), el('pre', {}, [program, ...command].join(' '))),
  )
}
