/** Where each attempt is drawn: a row of its place on which nothing else goes on. */
import { beganMs, isHomePlace, type ReportAttempt, type ReportDocument } from '../../src/report/report-document.js'
import { placeName } from './words.js'

export interface Bar {
  readonly attempt: ReportAttempt
  /** Position in the report. */
  readonly index: number
  readonly row: number
  /** In the linker's process a job that waits for a thread takes up nothing. */
  readonly fromMs: number
}

export interface Lane {
  readonly place: number
  readonly row: number
  readonly rows: number
}

/** By name, `build10` after `build9`; this machine last. */
const ORDER = new Intl.Collator('en', { numeric: true })

export function layOut({ attempts, places }: ReportDocument): {
  readonly bars: readonly Bar[]
  readonly lanes: readonly Lane[]
  readonly rows: number
} {
  const byPlace = places.map((): number[] => [])
  for (const [index, { place }] of attempts.entries()) byPlace[place]?.push(index)
  const keys = places.map((at) => `${isHomePlace(at) ? '1' : '0'} ${placeName(at)}`)
  const order = places.map((_, i) => i).sort((a, b) => ORDER.compare(keys[a] ?? '', keys[b] ?? ''))
  const bars: Bar[] = []
  const lanes: Lane[] = []
  let rows = 0
  for (const place of order) {
    const at = places[place]
    const isHome = at !== undefined && isHomePlace(at)
    const own = (byPlace[place] ?? []).flatMap((index) => {
      const attempt = attempts[index]
      if (attempt === undefined) return []
      // One that never began there has nothing to be drawn.
      if (isHome && attempt.compileMs === undefined && attempt.outcome !== 'does-not-compile') return []
      return [{ attempt, index, fromMs: isHome ? beganMs(attempt) : attempt.sentMs }]
    })
    own.sort((a, b) => a.fromMs - b.fromMs)
    const ends: number[] = []
    for (const bar of own) {
      // Rounding to tenths may make two that follow one another overlap.
      const free = ends.findIndex((endMs) => endMs <= bar.fromMs + 0.15)
      const row = free < 0 ? ends.length : free
      ends[row] = bar.attempt.endMs
      bars.push({ ...bar, row: rows + row })
    }
    if (ends.length > 0) lanes.push({ place, row: rows, rows: ends.length })
    rows += ends.length
  }
  return { bars, lanes, rows }
}
