/** What runs at a time, and what other numbers of slots would do. */
import uPlot from 'uplot'
import { type ReportDocument, type ReportPlan, workEdges } from '../../src/report/report-document.js'
import { el } from './dom.js'
import { color } from './timeline.js'

const COLORS = ['compile', 'transfer', 'unused', 'trouble', 'accent', 'dim'] as const
const HEIGHT = 200
/** `distr` is uPlot.Scale.Distr.Logarithmic, an enum of types alone. */
const LOGARITHMIC: Readonly<Record<'x' | 'y', object>> = { x: { time: false, distr: 3, log: 2 }, y: { distr: 3 } }

interface Chart {
  readonly element: HTMLElement
  /** Again, in the colours of now. */
  readonly draw: () => void
}

function chart(label: string, make: (width: number) => uPlot.Options, data: uPlot.AlignedData): Chart {
  const frame = el('div', { class: 'chart', role: 'img', 'aria-label': label })
  let plot: uPlot | undefined
  const draw = (): void => {
    plot?.destroy()
    plot = new uPlot(make(Math.max(200, frame.clientWidth - 18)), data, frame)
  }
  new ResizeObserver(() => plot?.setSize({ width: Math.max(200, frame.clientWidth - 18), height: HEIGHT })).observe(
    frame,
  )
  return { element: frame, draw }
}

/** Attempts at work, by distributor, each as a step. */
export function inFlight(report: ReportDocument): Chart {
  const names = [...new Set(report.places.map(({ distributor }) => distributor))].slice(0, COLORS.length)
  const edges = report.attempts
    .flatMap((attempt) => {
      const series = names.indexOf(report.places[attempt.place]?.distributor ?? '')
      return series < 0 ? [] : workEdges(attempt).map(([atMs, change]) => ({ atMs, series, change }))
    })
    .sort((a, b) => a.atMs - b.atMs)
  const now = names.map(() => 0)
  const times: number[] = [(report.phases.jobsMs ?? 0) / 1000]
  const counts = names.map(() => [0])
  for (const [i, { atMs, series, change }] of edges.entries()) {
    now[series] = (now[series] ?? 0) + change
    if (edges[i + 1]?.atMs === atMs) continue
    times.push(atMs / 1000)
    for (const [s, value] of now.entries()) counts[s]?.push(value)
  }
  const path = uPlot.paths.stepped?.({ align: 1 })
  const highest = counts.map((values) => values.reduce((a, b) => Math.max(a, b), 0))
  const label = `Jobs at work over time: ${names.map((name, i) => `${name} up to ${String(highest[i])}`).join(', ')}`
  return chart(
    label,
    (width) => ({
      width,
      height: HEIGHT,
      scales: { x: { time: false } },
      axes: axes('seconds', 'jobs at work'),
      series: [
        { label: 'seconds', value: (_, v) => (v === null ? '' : `${v.toFixed(2)} s`) },
        ...names.map((name, i) => ({
          label: name === 'local' ? 'this machine' : name,
          stroke: color(COLORS[i] ?? 'dim'),
          width: 2,
          ...(path && { paths: path }),
          points: { show: false },
        })),
      ],
    }),
    [times, ...counts],
  )
}

export function planCurve({ points }: ReportPlan): Chart {
  const label = `Backends with other numbers of slots: ${points.map(({ slots, backendsMs }) => `${String(slots)} slots ${(backendsMs / 1000).toFixed(1)} s`).join(', ')}`
  return chart(
    label,
    (width) => ({
      width,
      height: HEIGHT,
      scales: LOGARITHMIC,
      axes: axes('slots', 'seconds'),
      series: [
        { label: 'slots' },
        {
          label: 'backends',
          stroke: color('compile'),
          width: 2,
          value: (_, v) => (v === null ? '' : `${v.toFixed(2)} s`),
        },
        {
          label: 'lower bound',
          stroke: color('dim'),
          width: 1,
          dash: [4, 4],
          value: (_, v) => (v === null ? '' : `${v.toFixed(2)} s`),
        },
      ],
    }),
    [
      points.map(({ slots }) => slots),
      points.map(({ backendsMs }) => backendsMs / 1000),
      points.map(({ lowerBoundMs }) => lowerBoundMs / 1000),
    ],
  )
}

function axes(x: string, y: string): uPlot.Axis[] {
  const look = { stroke: color('dim'), grid: { stroke: color('line'), width: 1 }, ticks: { stroke: color('line') } }
  return [
    { ...look, label: x, labelSize: 20 },
    { ...look, label: y, labelSize: 20 },
  ]
}
