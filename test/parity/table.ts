import { pathToFileURL } from 'node:url'
import { type ResultLine, loadResults } from './results.js'
import { currentMode } from './runner.js'

/** Results of the last run as Markdown: `node --import tsx test/parity/table.ts`. */
export function printTable(lines: readonly ResultLine[]): string {
  const count = (some: readonly ResultLine[], outcome: string): number =>
    some.filter((line) => line.outcome === outcome).length
  const row = (name: string, some: readonly ResultLine[]): string =>
    `| ${name} | ${some.length} | ${count(some, 'identical')} | ${count(some, 'known')} | ${count(some, 'skipped')} | ${count(some, 'failed')} |`
  const section = (heading: string, key: 'target' | 'category'): string[] => [
    `| ${heading} | cases | identical | known difference | skipped | failed |`,
    '|---|---:|---:|---:|---:|---:|',
    ...[...new Set(lines.map((line) => line[key]))].sort().map((name) =>
      row(
        name,
        lines.filter((line) => line[key] === name),
      ),
    ),
    row('**all**', lines),
    '',
  ]
  const listed = lines.filter((line) => line.reason !== undefined)
  const notes = listed.map((line) => `* ${line.title} (${line.outcome}): ${line.reason}`)
  return [...section('target', 'target'), ...section('category', 'category'), ...notes].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(printTable(loadResults(currentMode())))
