import type { Link, Run } from './results.js'

/** Where a linker gave something else than stock lld. */
export interface Difference {
  readonly kind: 'verdict' | 'link' | 'file'
  /** The test, the call or the file. */
  readonly subject: string
  readonly detail: string
}

/**
 * `noise`: what differs between two runs of stock lld itself (times, process ids, addresses) is compared only in what does not:
 * numbers aside and in any order of lines for a link, whether it is there for a file.
 */
export function compare(stock: Run, other: Run, noise: readonly Difference[] = []): Difference[] {
  const isNoise = new Set(
    noise.map(({ kind, subject, detail }) => `${kind} ${subject} ${kind === 'file' ? detail : ''}`),
  )
  return [
    ...compareVerdicts(stock, other),
    ...compareLinks(stock, other, isNoise),
    ...compareFiles(stock, other),
  ].filter(
    ({ kind, subject, detail }) =>
      kind === 'link' || !isNoise.has(`${kind} ${subject} ${kind === 'file' ? detail : ''}`),
  )
}

function compareVerdicts(stock: Run, other: Run): Difference[] {
  return keys(stock.verdicts, other.verdicts).flatMap((subject) => {
    const [expected, actual] = [stock.verdicts.get(subject) ?? 'none', other.verdicts.get(subject) ?? 'none']
    return expected === actual ? [] : [{ kind: 'verdict', subject, detail: `stock ${expected}, dtlto ${actual}` }]
  })
}

function compareLinks(stock: Run, other: Run, noise: ReadonlySet<string>): Difference[] {
  return keys(stock.links, other.links).flatMap((subject) => {
    const [expected, actual] = [stock.links.get(subject) ?? [], other.links.get(subject) ?? []]
    if (expected.length !== actual.length) {
      return [{ kind: 'link', subject, detail: `stock linked ${expected.length} times, dtlto ${actual.length}` }]
    }
    const read = noise.has(`link ${subject} `) ? withoutNumbers : (text: string) => text.split('\n')
    const detail = expected.flatMap((link, i) => differences(link, actual[i] as Link, read)).join('\n')
    return detail === '' ? [] : [{ kind: 'link', subject, detail }]
  })
}

function differences(expected: Link, actual: Link, read: (text: string) => string[]): string[] {
  const parts: string[] = []
  if (expected.exitCode !== actual.exitCode)
    parts.push(`exit code: stock ${expected.exitCode}, dtlto ${actual.exitCode}`)
  for (const stream of ['stdout', 'stderr'] as const) {
    // After lld's own help comes dtlto's.
    const isHelp = expected.call.includes('--help')
    if (isHelp && actual[stream]?.startsWith(expected[stream] ?? '')) continue
    const [wanted, got] = [read(expected[stream] ?? ''), read(actual[stream] ?? '')]
    if (isSameInAnyOrder(wanted, got)) continue
    const first = wanted.findIndex((line, i) => line !== got[i])
    if (first < 0 && wanted.length === got.length) continue
    const from = first < 0 ? wanted.length : first
    parts.push(`${stream}, line ${from + 1}, stock:`, excerpt(wanted, from), `dtlto:`, excerpt(got, from))
  }
  return parts
}

/** Backends run side by side, and their remarks come as they end. A crash report has an order. */
function isSameInAnyOrder(a: readonly string[], b: readonly string[]): boolean {
  return !a.includes('Stack dump:') && a.toSorted().join('\n') === b.toSorted().join('\n')
}

function withoutNumbers(text: string): string[] {
  return text
    .replaceAll('},{', '},\n{')
    .split('\n')
    .filter((line) => !isTimedEvent(line))
    .map((line) =>
      line
        .replace(/[\d.]+/g, '#')
        .replace(/ +/g, ' ')
        // A column of times that are all zero is left out.
        .replace(/( # \( ?#%\))+/, ' #')
        .replace(/ --+(User|System|User\+System|Wall)( Time)?--+/g, ''),
    )
    .sort()
}

/** Of a time trace, whose events are in the order of times, and left out where they took too little. Its totals hold all. */
function isTimedEvent(line: string): boolean {
  return /"ph":"X".*"name":"(?!Total )/.test(line)
}

/** Some lines of many. */
function excerpt(lines: readonly string[], from: number): string {
  return lines
    .slice(from, from + 8)
    .map((line) => `    ${line.slice(0, 500)}`)
    .join('\n')
}

function compareFiles(stock: Run, other: Run): Difference[] {
  return keys(stock.files, other.files).flatMap((subject) => {
    const [expected, actual] = [stock.files.get(subject), other.files.get(subject)]
    if (expected === actual) return []
    // Which entries of a cache survive when it is pruned depends on the time that each was written: only their number counts.
    if (isCacheEntry(subject) && (expected === undefined || actual === undefined)) return []
    const detail =
      expected === undefined ? 'stock makes no such file' : actual === undefined ? 'missing' : 'other bytes'
    return [{ kind: 'file', subject, detail }]
  })
}

function isCacheEntry(path: string): boolean {
  return /llvmcache-[0-9A-F]{40}$/.test(path)
}

function keys<K>(a: ReadonlyMap<K, unknown>, b: ReadonlyMap<K, unknown>): K[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort()
}
