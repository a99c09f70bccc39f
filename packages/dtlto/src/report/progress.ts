import { performance } from 'node:perf_hooks'
import type { LinkEvent, LinkListener } from '../link/events.js'
import { Tally } from '../link/tally.js'

const INTERVAL_MS = 100
/** A link that is done by then never shows a line. */
const DELAY_MS = 500
/** Between two lines of a log. */
const LOG_INTERVAL_MS = 10_000
const CLEAR = '\r\x1b[K'

export interface ProgressTerminal {
  readonly write: (text: string) => void
  readonly columns: () => number
  /** Whether the line may be drawn now: the terminal is this link's. */
  readonly mayDraw: () => boolean
  /** No line any more: others may draw theirs. */
  readonly done: () => void
}

/**
 * One line on a terminal that says how far the backends are: `ThinLTO 120/374 · local 2, distcc 16 on 4 endpoints · 0:12 left`. Drawn at
 * most ten times a second, and gone before anybody else writes: at warnings, and before lld goes on.
 */
export function progressLine({ write, columns, mayDraw, done }: ProgressTerminal): LinkListener {
  let shown = false
  const clear = (): void => {
    if (shown) write(CLEAR)
    shown = false
  }
  const draw = (tally: Tally, nowMs: number): void => {
    if (!mayDraw()) {
      shown = false // whoever has the terminal now has written over it
      return
    }
    write(`${CLEAR}${render(tally, nowMs).slice(0, Math.max(1, columns() - 1))}`)
    shown = true
  }
  return whileJobsRun({ intervalMs: INTERVAL_MS, delayMs: DELAY_MS, draw, clear, done })
}

/** For logs: a line every ten seconds, and nothing that steers a terminal. A shorter link says nothing. */
export function progressLog(write: (text: string) => void, program: string): LinkListener {
  const draw = (tally: Tally, nowMs: number): void => write(`${program}: ${render(tally, nowMs)}\n`)
  const nothing = (): void => undefined
  return whileJobsRun({ intervalMs: LOG_INTERVAL_MS, delayMs: 0, draw, clear: nothing, done: nothing })
}

interface Drawing {
  readonly intervalMs: number
  readonly delayMs: number
  readonly draw: (tally: Tally, nowMs: number) => void
  /** Somebody else writes now. */
  readonly clear: () => void
  readonly done: () => void
}

function whileJobsRun({ intervalMs, delayMs, draw, clear, done }: Drawing): LinkListener {
  const tally = new Tally()
  let timer: ReturnType<typeof setInterval> | undefined
  return (event: LinkEvent) => {
    switch (event.type) {
      case 'jobs': {
        const startedMs = performance.now()
        tally.begin(event.jobs)
        timer = setInterval(() => {
          const nowMs = performance.now()
          if (nowMs - startedMs >= delayMs) draw(tally, nowMs)
        }, intervalMs)
        timer.unref()
        break
      }
      case 'scheduler':
        tally.add(event.event)
        break
      case 'warning':
        clear()
        break
      case 'objects':
      case 'end':
        clearInterval(timer)
        clear()
        done()
        break
      case 'modules':
      case 'progress':
      case 'memory':
      case 'debug':
        break
    }
  }
}

export function render(tally: Tally, nowMs: number): string {
  const where = [...tally.running].flatMap(([name, { jobs, endpoints }]) =>
    jobs === 0 ? [] : [`${name} ${String(jobs)}${endpoints.size > 1 ? ` on ${String(endpoints.size)} endpoints` : ''}`],
  )
  const remaining = tally.remainingMs(nowMs)
  const parts = [`ThinLTO ${String(tally.done)}/${String(tally.total)}`]
  if (where.length > 0) parts.push(where.join(', '))
  if (remaining !== undefined) parts.push(`${minutes(remaining)} left`)
  return parts.join(' · ')
}

function minutes(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return `${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, '0')}`
}
