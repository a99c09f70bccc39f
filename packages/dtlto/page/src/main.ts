/** The page of a report: reads the data that is in it, and draws. Loads nothing from anywhere. */
import type { ReportDocument } from '../../src/report/report-document.js'
import { inFlight, planCurve } from './charts.js'
import { el, section } from './dom.js'
import { header } from './header.js'
import {
  againSection,
  environmentSection,
  jobsTable,
  placesSection,
  planTable,
  slowestSection,
  stayedSection,
} from './sections.js'
import { type Filter, timeline } from './timeline.js'
import { placeName } from './words.js'

async function unpack(): Promise<ReportDocument> {
  const packed = document.getElementById('data')?.textContent ?? ''
  const bytes = Uint8Array.from(atob(packed.trim()), (character) => character.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return (await new Response(stream).json()) as ReportDocument
}

function show(report: ReportDocument): void {
  document.title = `ThinLTO link of ${report.output}`
  const redraws: (() => void)[] = []
  document.getElementById('head')?.append(header(report, () => redraws.forEach((redraw) => redraw())))
  const main = document.getElementById('main')
  if (!main) return
  if (report.jobs.length > 0) {
    main.append(timelineSection(report, redraws))
    const flight = inFlight(report)
    main.append(section('Jobs at work', flight.element), placesSection(report))
    redraws.push(flight.draw)
    if (report.plan) {
      const { latencyMs, bandwidth } = report.plan
      const curve = planCurve(report.plan)
      const wire = `${String(latencyMs)} ms away${bandwidth === undefined ? '' : `, ${String(Math.round(bandwidth / 1e6))} MB/s in all`}`
      const text = `How long the backends would take with other numbers of slots, ${wire}: dtlto's own scheduler on the jobs of this link.`
      main.append(
        section('With other numbers of slots', el('p', { class: 'dim' }, text), curve.element, planTable(report.plan)),
      )
      redraws.push(curve.draw)
    }
    main.append(slowestSection(report), stayedSection(report), againSection(report))
  }
  main.append(environmentSection(report))
  for (const redraw of redraws) redraw()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraws.forEach((redraw) => redraw()))
  document.documentElement.dataset['ready'] = String(Math.round(performance.now()))
}

function timelineSection(report: ReportDocument, redraws: (() => void)[]): HTMLElement {
  const text = el('input', { type: 'search', placeholder: 'part of a name', id: 'filter-text' })
  const place = el(
    'select',
    { id: 'filter-place' },
    el('option', { value: -1 }, 'everywhere'),
    ...report.places.map((at, i) => el('option', { value: i }, placeName(at))),
  )
  const only = el(
    'select',
    { id: 'filter-only' },
    el('option', { value: 'all' }, 'all attempts'),
    el('option', { value: 'path' }, 'what set the end'),
    el('option', { value: 'again' }, 'second attempts'),
    el('option', { value: 'trouble' }, 'failures'),
  )
  const filter = (): Filter => ({
    text: text.value.trim().toLowerCase(),
    place: Number(place.value),
    only: only.value as Filter['only'],
  })
  const { element, draw } = timeline(report, filter)
  const jobs = jobsTable(report)
  const onPath = new Set(report.analysis.criticalPath)
  const update = (): void => {
    const { text, place, only } = filter()
    draw()
    const isIn = (index: number): boolean => {
      const attempt = report.attempts[index]
      if (!attempt || (place >= 0 && attempt.place !== place)) return false
      if (only === 'trouble' && attempt.outcome !== 'trouble') return false
      if (only === 'again' && (attempt.reason === 'first' || attempt.reason === 'probe')) return false
      if (only === 'path' && !onPath.has(index)) return false
      return text === '' || (report.jobs[attempt.job]?.module.toLowerCase().includes(text) ?? false)
    }
    jobs.show(report.attempts.map((_, i) => i).filter(isIn))
  }
  for (const control of [text, place, only]) control.addEventListener('input', update)
  redraws.push(draw)
  const color = (name: string, label: string): HTMLElement =>
    el('li', {}, el('i', { style: `--color:var(--${name})` }), label)
  return section(
    'Timeline',
    el(
      'p',
      { class: 'dim' },
      'A row for each job at a time, grouped by the machine that compiled it. Time is since the linker started.',
    ),
    el(
      'div',
      { class: 'controls' },
      el('label', {}, 'Module', text),
      el('label', {}, 'Machine', place),
      el('label', {}, 'Show', only),
    ),
    el(
      'ul',
      { class: 'legend' },
      color('compile', 'compiling'),
      color('transfer', 'transfer'),
      color('queue', "in the machine's queue"),
      color('unused', 'not needed any more, or not possible there'),
      color('trouble', 'failed'),
      el('li', {}, el('i', { style: 'border:2px solid var(--path)' }), 'set the end of the link'),
    ),
    element,
    el('details', {}, el('summary', {}, 'The same as a table'), jobs.element),
  )
}

void unpack().then(show, (error: unknown) => {
  document.getElementById('main')?.append(el('p', { class: 'bad' }, `This report cannot be read: ${String(error)}`))
})
