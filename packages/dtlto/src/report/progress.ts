import { performance } from 'node:perf_hooks'
import type { LinkEvent, LinkListener } from '../link/events.js'
import { Tally } from './tally.js'

const INTERVAL_MS = 100
/** A link that is done by then never shows a line. */
const DELAY_MS = 500
const CLEAR = '\r\x1b[K'

/**
 * One line on a terminal that says how far the backends are: `ThinLTO 120/374 · local 2, distcc 16 on 4 endpoints · 0:12 left`. Drawn at
 * most ten times a second, and gone before anybody else writes: at warnings, and before lld goes on.
 */
export function progressLine(write: (text: string) => void, columns: () => number): LinkListener {
  const tally = new Tally()
  let timer: ReturnType<typeof setInterval> | undefined
  let shown = false
  let startedMs = 0

  const clear = (): void => {
    if (shown) write(CLEAR)
    shown = false
  }
  const draw = (): void => {
    const nowMs = performance.now()
    if (nowMs - startedMs < DELAY_MS) return
    write(`${CLEAR}${render(tally, nowMs).slice(0, Math.max(1, columns() - 1))}`)
    shown = true
  }
  return (event: LinkEvent) => {
    tally.add(event)
    switch (event.type) {
      case 'jobs':
        startedMs = performance.now()
        timer = setInterval(draw, INTERVAL_MS)
        timer.unref()
        break
      case 'warning':
        clear()
        break
      case 'objects':
      case 'end':
        clearInterval(timer)
        clear()
        break
      default:
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
