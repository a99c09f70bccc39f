/** Numbers and names, for people. */
import type { ReportAttempt, ReportPlace } from '../../src/report/report-document.js'

export function seconds(ms: number): string {
  if (ms < 1) return '0 s'
  if (ms < 995) return `${String(Math.round(ms))} ms`
  if (ms < 99_500) return `${(ms / 1000).toFixed(ms < 9_950 ? 2 : 1)} s`
  const s = Math.round(ms / 1000)
  return `${String(Math.floor(s / 60))} min ${String(s % 60)} s`
}

export function bytes(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(2)} GB`
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} MB`
  return n >= 1e3 ? `${(n / 1e3).toFixed(0)} kB` : `${String(n)} B`
}

export const count = (n: number, what: string): string =>
  `${n.toLocaleString('en')} ${what}${n === 1 ? '' : what.endsWith('y') ? '' : 's'}`

export const percent = (share: number): string => `${String(Math.round(share * 100))} %`

export function placeName({ distributor, endpoint, worker }: ReportPlace): string {
  if (distributor === 'local') return 'this machine'
  const at = endpoint === distributor.replace(/#\d+$/, '') ? distributor : `${distributor}: ${endpoint}`
  return worker === undefined ? at : `${at} / ${worker}`
}

const REASONS: Readonly<Record<ReportAttempt['reason'], string>> = {
  first: 'first try',
  retry: 'tried again',
  hedge: 'second attempt of a late job',
  fallback: 'compiled here because nobody else could',
  probe: 'a probe of the machine',
}

const OUTCOMES: Readonly<Record<ReportAttempt['outcome'], string>> = {
  placed: 'made the object',
  lost: 'its object came too late: another attempt was first',
  abandoned: 'given up: another attempt was first, or the link was cancelled',
  cannot: 'cannot be compiled there',
  'does-not-compile': 'does not compile',
  trouble: 'failed',
}

export const reasonText = ({ reason }: ReportAttempt): string => REASONS[reason]
export const outcomeText = ({ outcome, why }: ReportAttempt): string =>
  `${OUTCOMES[outcome]}${why === undefined ? '' : `: ${why}`}`

const PARTS = [
  ['sendMs', 'sending'],
  ['fetchMs', 'fetching inputs'],
  ['compileMs', 'compiling'],
  ['handOverMs', 'handing over'],
  ['receiveMs', 'receiving'],
] as const

/** One attempt, in a few lines. */
export function describe(attempt: ReportAttempt, module: string, place: string): string {
  const { waitedMs, queuedMs = 0, sentMs, endMs } = attempt
  const parts = PARTS.flatMap(([key, text]) => {
    const ms = attempt[key]
    return ms === undefined ? [] : [`${text} ${seconds(ms)}`]
  })
  const before = [
    ...(waitedMs >= 1 ? [`waited ${seconds(waitedMs)} for a slot`] : []),
    ...(queuedMs >= 1 ? [`${seconds(queuedMs)} in its queue`] : []),
  ]
  return [
    module,
    `${place}: ${seconds(endMs - sentMs - queuedMs)}${parts.length > 1 ? ` (${parts.join(', ')})` : ''}, from ${seconds(sentMs + queuedMs)} to ${seconds(endMs)}`,
    [reasonText(attempt), outcomeText(attempt), ...before].join('; '),
  ].join('\n')
}
