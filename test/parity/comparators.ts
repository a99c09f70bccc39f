/** How one output is compared: `undefined` when equal, else what differs. Exact unless a case says otherwise. */
import { VERSION_LINE } from '../link/toolchain.js'

export type Comparator = (stock: Buffer, dtlto: Buffer) => string | undefined

export const exact: Comparator = (stock, dtlto) => {
  if (stock.equals(dtlto)) return undefined
  const sizes = stock.length === dtlto.length ? `${stock.length} bytes` : `${stock.length} and ${dtlto.length} bytes`
  return isText(stock) && isText(dtlto) ? `${sizes}; ${textDifference(stock, dtlto)}` : `${sizes}; ${hex(stock, dtlto)}`
}

/** What varies by nature, such as times, left out before texts are compared. */
export function ignoring(...patterns: readonly RegExp[]): Comparator {
  const clean = (bytes: Buffer): Buffer =>
    Buffer.from(patterns.reduce((text, pattern) => text.replaceAll(pattern, '…'), bytes.toString()))
  return (stock, dtlto) => exact(clean(stock), clean(dtlto))
}

/** Lines in any order: warnings of backends that ran beside each other. */
export const anyOrder: Comparator = (stock, dtlto) => {
  const sorted = (bytes: Buffer): Buffer => Buffer.from(bytes.toString().split('\n').sort().join('\n'))
  return exact(sorted(stock), sorted(dtlto))
}

/** A crash: the stack frames and the arguments listed differ by nature; what is said before them, and how, does not. */
export const crash: Comparator = (stock, dtlto) => {
  const withoutFrames = (bytes: Buffer): Buffer =>
    Buffer.from(bytes.toString().replaceAll(/^(?: *#\d+ .*|Stack dump.*|\d+\.\t.*)\n/gm, ''))
  return exact(withoutFrames(stock), withoutFrames(dtlto))
}

/** What is said to `--version`: lld's words, and a line of dtlto's after them. */
export const version: Comparator = (stock, dtlto) => {
  const words = dtlto.subarray(0, -VERSION_LINE.length)
  return dtlto.subarray(words.length).equals(Buffer.from(VERSION_LINE))
    ? exact(stock, words)
    : "dtlto's version is missing"
}

/** A time trace: times differ by nature; the kinds of events, and what each is about, do not. */
export const tracePhases: Comparator = (stock, dtlto) => {
  const missing = [...phases(stock)].filter((phase) => !phases(dtlto).has(phase))
  return missing.length > 0 ? `events missing in dtlto's trace: ${missing.slice(0, 5).join(', ')}` : undefined
}

/** Made by both, content not compared. */
export const present: Comparator = () => undefined

function phases(trace: Buffer): Set<string> {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: { name: string; ph: string }[] }
  return new Set(traceEvents.filter((event) => event.ph === 'X').map((event) => event.name))
}

function isText(bytes: Buffer): boolean {
  return !bytes.subarray(0, 4096).includes(0)
}

function textDifference(stock: Buffer, dtlto: Buffer): string {
  const [ours, theirs] = [dtlto.toString().split('\n'), stock.toString().split('\n')]
  const line = theirs.findIndex((text, index) => text !== ours[index])
  const at = line < 0 ? theirs.length : line
  return `line ${at + 1}: stock ${excerpt(theirs[at])}, dtlto ${excerpt(ours[at])}`
}

function excerpt(line: string | undefined): string {
  if (line === undefined) return 'has no such line'
  return JSON.stringify(line.length > 200 ? `${line.slice(0, 200)}…` : line)
}

function hex(stock: Buffer, dtlto: Buffer): string {
  const length = Math.min(stock.length, dtlto.length)
  let at = 0
  while (at < length && stock[at] === dtlto[at]) at++
  let differing = 0
  for (let i = at; i < length; i++) if (stock[i] !== dtlto[i]) differing++
  const bytes = (of: Buffer): string => of.subarray(at, at + 16).toString('hex') || 'end of file'
  return `from offset 0x${at.toString(16)}: stock ${bytes(stock)}, dtlto ${bytes(dtlto)} (${differing} bytes differ)`
}
