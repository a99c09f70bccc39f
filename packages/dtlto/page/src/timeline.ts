/**
 * The timeline: a row for each job at a time of each place. Drawn on a canvas, since there may be thousands of jobs; what it shows is also in the table of jobs, which is what
 * a screen reader gets, and the chosen bar is told in a live region.
 */
import { scaleLinear } from 'd3-scale'
import { beganMs, type ReportDocument } from '../../src/report/report-document.js'
import { el } from './dom.js'
import { type Bar, layOut } from './lanes.js'
import { describe, placeName, seconds } from './words.js'

const LABEL = 190
const AXIS = 26
const GAP = 6

export interface Filter {
  readonly text: string
  /** Position in the report's places; -1: all. */
  readonly place: number
  readonly only: 'all' | 'trouble' | 'again' | 'path'
}

export function timeline(
  report: ReportDocument,
  filter: () => Filter,
): { element: HTMLElement; draw: () => void; reset: () => void } {
  const { bars, lanes, rows } = layOut(report)
  const onPath = new Set(report.analysis.criticalPath)
  const starts = bars.map(({ fromMs }) => fromMs)
  const whole: readonly [number, number] = [
    Math.min(
      report.phases.jobsMs ?? Infinity,
      ...starts.slice(0, 1),
      starts.reduce((a, b) => Math.min(a, b), Infinity),
    ),
    bars.reduce((latest, { attempt }) => Math.max(latest, attempt.endMs), 0),
  ]
  let view: [number, number] = [...whole]
  let chosen = -1
  const rowHeight = Math.max(4, Math.min(18, Math.floor(420 / Math.max(1, rows))))
  const canvas = el('canvas', {
    tabindex: 0,
    role: 'application',
    'aria-label': 'Timeline of all attempts by place. The table of jobs below has the same in words.',
    'aria-describedby': 'timeline-keys',
  })
  const frame = el('div', { class: 'timeline' }, canvas)
  const tip = el('div', { class: 'tip', hidden: true })
  const told = el(
    'p',
    { class: 'chosen', 'aria-live': 'polite' },
    'Click a bar, or use the up and down keys, to read about it here.',
  )
  const height = AXIS + rows * rowHeight + Math.max(0, lanes.length - 1) * GAP + 6
  const laneTop = new Map(lanes.map(({ place }, i) => [place, AXIS + (lanes[i]?.row ?? 0) * rowHeight + i * GAP]))
  const laneRow = new Map(lanes.map(({ place, row }) => [place, row]))
  const yOf = ({ attempt, row }: Bar): number =>
    (laneTop.get(attempt.place) ?? 0) + (row - (laneRow.get(attempt.place) ?? 0)) * rowHeight
  let drag: { readonly fromX: number; x: number } | undefined

  const scale = (): ((ms: number) => number) & { invert(x: number): number; ticks(n: number): number[] } =>
    scaleLinear([...view], [LABEL, frame.clientWidth - 12])

  const matches = ({ attempt, index }: Bar): boolean => {
    const { text, place, only } = filter()
    if (place >= 0 && attempt.place !== place) return false
    if (only === 'trouble' && attempt.outcome !== 'trouble') return false
    if (only === 'again' && (attempt.reason === 'first' || attempt.reason === 'probe')) return false
    if (only === 'path' && !onPath.has(index)) return false
    return text === '' || (report.jobs[attempt.job]?.module.toLowerCase().includes(text) ?? false)
  }

  const draw = (): void => {
    const width = frame.clientWidth
    const ratio = window.devicePixelRatio || 1
    canvas.width = width * ratio
    canvas.height = height * ratio
    canvas.style.width = `${String(width)}px`
    canvas.style.height = `${String(height)}px`
    const context = canvas.getContext('2d')
    if (!context) return
    context.scale(ratio, ratio)
    const colors = palette()
    const x = scale()
    context.clearRect(0, 0, width, height)
    context.font = '12px system-ui, sans-serif'
    context.textBaseline = 'middle'
    for (const ms of x.ticks(Math.max(3, Math.floor(width / 110)))) {
      const at = x(ms)
      context.fillStyle = colors.line
      context.fillRect(at, AXIS - 6, 1, height)
      context.fillStyle = colors.dim
      context.textAlign = at > width - 40 ? 'right' : 'center'
      context.fillText(seconds(ms), at, 10)
    }
    context.save()
    context.beginPath()
    context.rect(LABEL, AXIS, width - LABEL, height)
    context.clip()
    for (const bar of bars) {
      if (bar.attempt.endMs < view[0] || bar.fromMs > view[1]) continue
      drawBar(context, bar, x, colors)
    }
    context.restore()
    context.textAlign = 'left'
    for (const { place, rows: own } of lanes) {
      const top = laneTop.get(place) ?? 0
      const at = report.places[place]
      context.fillStyle = colors.text
      if (at)
        context.fillText(shorten(context, placeName(at), LABEL - 16), 8, top + Math.min(own * rowHeight, 18) / 2 + 1)
    }
    if (drag && Math.abs(drag.x - drag.fromX) > 3) {
      context.fillStyle = colors.select
      context.fillRect(Math.min(drag.x, drag.fromX), AXIS, Math.abs(drag.x - drag.fromX), height)
    }
  }

  const drawBar = (context: CanvasRenderingContext2D, bar: Bar, x: (ms: number) => number, colors: Palette): void => {
    const { attempt, index } = bar
    const y = yOf(bar)
    const h = rowHeight > 7 ? rowHeight - 2 : rowHeight - 1
    const [left, right] = [x(bar.fromMs), Math.max(x(attempt.endMs), x(bar.fromMs) + 1)]
    context.globalAlpha = matches(bar) ? 1 : 0.12
    let at = left
    for (const [ms, color] of pieces(bar, colors)) {
      const to = Math.min(right, at + x(view[0] + ms) - x(view[0]))
      context.fillStyle = color
      if (to > at) context.fillRect(at, y, Math.max(to - at, 0.5), h)
      at = to
    }
    const line = index === chosen ? colors.accent : onPath.has(index) ? colors.path : undefined
    if (line !== undefined) {
      context.strokeStyle = line
      context.lineWidth = index === chosen ? 3 : rowHeight > 7 ? 1.5 : 1
      context.strokeRect(left + 0.5, y + 0.5, Math.max(1, right - left - 1), h - 1)
    }
    context.globalAlpha = 1
  }

  const zoom = (factor: number, aroundMs = (view[0] + view[1]) / 2): void => {
    const [from, to] = view.map((ms) => aroundMs + (ms - aroundMs) * factor) as [number, number]
    if (to - from < 1) return
    view = [Math.max(whole[0], from), Math.min(whole[1], to)]
    draw()
  }
  const pan = (share: number): void => {
    const span = view[1] - view[0]
    const by = Math.max(whole[0] - view[0], Math.min(whole[1] - view[1], span * share))
    view = [view[0] + by, view[1] + by]
    draw()
  }
  const reset = (): void => {
    view = [...whole]
    draw()
  }
  const textOf = ({ attempt }: Bar): string => {
    const at = report.places[attempt.place]
    return describe(attempt, report.jobs[attempt.job]?.module ?? '', at ? placeName(at) : '')
  }
  const choose = (bar: Bar | undefined): void => {
    if (!bar) return
    chosen = bar.index
    told.textContent = textOf(bar)
    const y = yOf(bar)
    if (y < frame.scrollTop + AXIS || y > frame.scrollTop + frame.clientHeight - rowHeight)
      frame.scrollTop = y - frame.clientHeight / 2
    draw()
  }
  const step = (by: 1 | -1): void => {
    const list = bars.filter(matches).sort((a, b) => a.fromMs - b.fromMs)
    const now = list.findIndex(({ index }) => index === chosen)
    choose(list[Math.max(0, Math.min(list.length - 1, now < 0 ? 0 : now + by))])
  }
  const barAt = (event: MouseEvent): Bar | undefined => {
    const box = canvas.getBoundingClientRect()
    const [mx, my] = [event.clientX - box.left, event.clientY - box.top]
    const x = scale()
    return bars.find((bar) => {
      const y = yOf(bar)
      return my >= y && my < y + rowHeight && mx >= x(bar.fromMs) - 1 && mx <= x(bar.attempt.endMs) + 1
    })
  }
  const xIn = (event: MouseEvent): number => event.clientX - canvas.getBoundingClientRect().left

  canvas.addEventListener('keydown', (event) => {
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => pan(-0.2),
      ArrowRight: () => pan(0.2),
      ArrowDown: () => step(1),
      ArrowUp: () => step(-1),
      '+': () => zoom(0.6),
      '=': () => zoom(0.6),
      '-': () => zoom(1 / 0.6),
      '0': reset,
    }
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key]
    if (!action) return
    event.preventDefault()
    action()
  })
  canvas.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      zoom(event.deltaY > 0 ? 1.25 : 0.8, scale().invert(xIn(event)))
    },
    { passive: false },
  )
  canvas.addEventListener('mousedown', (event) => {
    const at = xIn(event)
    if (at >= LABEL) drag = { fromX: at, x: at }
  })
  canvas.addEventListener('mousemove', (event) => {
    if (drag) {
      drag.x = xIn(event)
      tip.hidden = true
      return draw()
    }
    const bar = barAt(event)
    tip.hidden = bar === undefined
    if (!bar) return
    tip.textContent = textOf(bar)
    tip.style.left = `${String(Math.min(event.clientX + 14, window.innerWidth - 360))}px`
    tip.style.top = `${String(Math.min(event.clientY + 16, window.innerHeight - 120))}px`
  })
  canvas.addEventListener('mouseleave', () => {
    tip.hidden = true
    drag = undefined
  })
  canvas.addEventListener('mouseup', (event) => {
    const dragged = drag
    drag = undefined
    if (!dragged || Math.abs(dragged.x - dragged.fromX) <= 3) return choose(barAt(event))
    const x = scale()
    const [from, to] = [dragged.fromX, dragged.x].sort((a, b) => a - b).map((at) => x.invert(at)) as [number, number]
    if (to - from >= 1) view = [from, to]
    draw()
  })
  canvas.addEventListener('dblclick', reset)
  new ResizeObserver(draw).observe(frame)

  const button = (text: string, action: () => void): HTMLElement => {
    const made = el('button', { type: 'button' }, text)
    made.addEventListener('click', action)
    return made
  }
  const element = el(
    'div',
    {},
    el(
      'div',
      { class: 'controls' },
      button('+ zoom in', () => zoom(0.6)),
      button('− zoom out', () => zoom(1 / 0.6)),
      button('all of it', reset),
      el(
        'span',
        { id: 'timeline-keys', class: 'dim' },
        'Drag to zoom. Keys: + and −, arrows left and right, 0 for all, arrows up and down for one bar after the other.',
      ),
    ),
    frame,
    tip,
    told,
  )
  return { element, draw, reset }
}

interface Palette {
  readonly compile: string
  readonly transfer: string
  readonly queue: string
  readonly trouble: string
  readonly unused: string
  readonly path: string
  readonly accent: string
  readonly line: string
  readonly text: string
  readonly dim: string
  readonly select: string
}

/** A property of the page as a colour that a canvas takes: light-dark() is resolved where it is used as a colour. */
export function color(name: string): string {
  const probe = el('span')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const value = getComputedStyle(probe).color
  probe.remove()
  return value
}

function palette(): Palette {
  const names = ['compile', 'transfer', 'queue', 'trouble', 'unused', 'path', 'accent', 'line', 'text', 'dim'] as const
  const colors = Object.fromEntries(names.map((name) => [name, color(name)])) as Record<(typeof names)[number], string>
  return { ...colors, select: colors.accent.replace('rgb(', 'rgba(').replace(')', ', 0.25)') }
}

/** Lengths and colours, from the left. */
function pieces({ attempt, fromMs }: Bar, colors: Palette): [ms: number, color: string][] {
  const queuedMs = beganMs(attempt) - fromMs
  const workMs = attempt.endMs - beganMs(attempt)
  if (attempt.outcome !== 'placed') {
    const color =
      attempt.outcome === 'trouble' || attempt.outcome === 'does-not-compile' ? colors.trouble : colors.unused
    return [
      [queuedMs, colors.queue],
      [workMs, color],
    ]
  }
  const { sendMs = 0, fetchMs = 0, compileMs, handOverMs = 0, receiveMs = 0 } = attempt
  const before = Math.min(workMs, sendMs + fetchMs)
  const compile = Math.min(workMs - before, compileMs ?? workMs - handOverMs - receiveMs - before)
  return [
    [queuedMs, colors.queue],
    [before, colors.transfer],
    [compile, colors.compile],
    [workMs - before - compile, colors.transfer],
  ]
}

function shorten(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text
  let kept = text
  while (kept.length > 1 && context.measureText(`…${kept}`).width > width) kept = kept.slice(1)
  return `…${kept}`
}
