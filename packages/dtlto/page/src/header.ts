/** What a stranger reads first: what was linked, how long it took, and what set the end. */
import { beganMs, type ReportDocument } from '../../src/report/report-document.js'
import { el } from './dom.js'
import { bytes, count, percent, placeName, seconds } from './words.js'

export function header(report: ReportDocument, redraw: () => void): HTMLElement {
  const toggle = el('button', { type: 'button' }, 'Light / dark')
  toggle.addEventListener('click', () => {
    const root = document.documentElement
    const isDark = root.dataset['theme']
      ? root.dataset['theme'] === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches
    root.dataset['theme'] = isDark ? 'light' : 'dark'
    redraw()
  })
  const when = new Date(report.startedAt)
  const failed =
    report.exitCode === 0
      ? undefined
      : el('p', { class: 'bad' }, `The link failed with exit code ${String(report.exitCode)}.`)
  return el(
    'div',
    {},
    el(
      'div',
      { class: 'top' },
      el(
        'div',
        {},
        el('h1', {}, `ThinLTO link of ${report.output}`),
        el(
          'p',
          { class: 'dim' },
          `${when.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })} UTC on ${report.host.name}, by dtlto ${report.versions.dtlto} with LLVM ${report.versions.llvm}`,
        ),
      ),
      toggle,
    ),
    failed,
    cards(report),
    phases(report),
    ...verdict(report),
  )
}

function cards({ phases, jobs, modules, analysis, places }: ReportDocument): HTMLElement {
  const card = (title: string, value: string, more = ''): HTMLElement =>
    el(
      'div',
      { class: 'card' },
      el('dt', {}, title),
      el('dd', {}, value, more === '' ? undefined : el('small', {}, more)),
    )
  const machines = places.filter(({ distributor }) => distributor !== 'local').length
  const machineNames = [
    ...(machines > 0 ? [count(machines, 'machine')] : []),
    ...(machines < places.length ? [machines > 0 ? 'this one' : 'this machine'] : []),
  ]
  const elsewhere = places.reduce(
    (sum, { distributor }, i) => sum + (distributor === 'local' ? 0 : (analysis.places[i]?.jobs ?? 0)),
    0,
  )
  const here = analysis.places.reduce((sum, { jobs }) => sum + jobs, 0) - elsewhere
  const capacityMs = analysis.slots * analysis.backendsMs
  const busyMs = analysis.places.reduce((sum, { busyMs }) => sum + busyMs, 0)
  const troubles = analysis.troubles.reduce((sum, { times }) => sum + times, 0)
  const sent = analysis.places.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  return el(
    'dl',
    { class: 'cards' },
    card(
      'Whole link',
      seconds(phases.endMs),
      analysis.workMs > 0 ? `${seconds(analysis.workMs)} of backends in it` : '',
    ),
    card('Modules compiled', jobs.length.toLocaleString('en'), `${String(elsewhere)} elsewhere, ${String(here)} here`),
    card(
      'Cache',
      modules.total === 0 ? 'no modules' : count(modules.cacheHits, 'hit'),
      modules.total === 0 ? '' : `of ${count(modules.total, 'module')}`,
    ),
    card(
      'Slots',
      String(analysis.slots),
      `on ${machineNames.join(' and ')}; ${percent(capacityMs > 0 ? busyMs / capacityMs : 0)} busy`,
    ),
    card('Bitcode sent', bytes(sent), 'before compression'),
    card(
      'Second attempts',
      String(analysis.retries + analysis.hedges),
      `${count(troubles, 'failure')}, ${String(analysis.hedges)} late jobs`,
    ),
  )
}

function phases({ phases: { jobsMs, objectsMs, endMs } }: ReportDocument): HTMLElement {
  const parts: readonly [name: string, ms: number, kind: string][] =
    jobsMs === undefined
      ? [['the link, without backends', endMs, 'plan']]
      : [
          ['reading inputs and planning', jobsMs, 'plan'],
          ['ThinLTO backends', (objectsMs ?? endMs) - jobsMs, 'backends'],
          ['final link', endMs - (objectsMs ?? endMs), 'final'],
        ]
  const bar = parts.map(([, ms, kind]) => el('div', { class: kind, style: `flex: ${String(ms)} 1 0` }))
  const legend = parts.map(([name, ms, kind]) => el('li', { class: kind }, el('i'), `${name} ${seconds(ms)}`))
  return el(
    'div',
    {},
    el('div', { class: 'phases', 'aria-hidden': 'true' }, ...bar),
    el('ul', { class: 'legend' }, ...legend),
  )
}

function verdict(report: ReportDocument): HTMLElement[] {
  const { analysis, jobs, attempts, places, modules } = report
  if (jobs.length === 0) {
    const why =
      modules.total === 0
        ? 'There was no ThinLTO module among the inputs: compile with -flto=thin.'
        : `The cache had the object of every module (${String(modules.cacheHits)} of ${String(modules.total)}).`
    return [el('p', { class: 'verdict' }, why)]
  }
  const name = analysis.longestJob === undefined ? '' : (jobs[analysis.longestJob]?.module ?? '')
  const { backendsMs, longestMs, lowerBoundMs, slots, workMs } = analysis
  const sentences = {
    job: `One module set the end: ${name} alone took ${seconds(longestMs)} of the ${seconds(backendsMs)} that the backends took. More machines will not help; a smaller module or a faster machine will.`,
    slots: `The number of slots set the end: ${seconds(workMs)} of work on ${String(slots)} slots take ${seconds(workMs / Math.max(1, slots))} at least, and the backends took ${seconds(backendsMs)}. More slots will help.`,
    other: `The backends took ${seconds(backendsMs)}; on these ${String(slots)} slots ${seconds(lowerBoundMs)} would have been possible. The rest is waiting, transfer and second attempts: see below what the end waited for.`,
    nothing: '',
  }
  const steps = analysis.criticalPath.flatMap((i) => {
    const attempt = attempts[i]
    const at = attempt && places[attempt.place]
    if (!attempt || !at) return []
    const text = `${jobs[attempt.job]?.module ?? ''} on ${placeName(at)}: ${seconds(beganMs(attempt))} to ${seconds(attempt.endMs)}${attempt.outcome === 'placed' ? '' : `, ${attempt.why ?? attempt.outcome}`}`
    return [el('li', {}, text)]
  })
  return [
    el('p', { class: 'verdict' }, sentences[analysis.setBy]),
    el(
      'details',
      {},
      el('summary', {}, `What the end waited for: ${count(steps.length, 'module')}, one after the other`),
      el('ol', {}, ...steps),
    ),
  ]
}
