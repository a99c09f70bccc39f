/**
 * What the parity suite holds, as docs/formats.md shows it. The suite itself makes sure of the result: a case passes only if
 * it is identical, or a known difference that still is one.
 *
 *     node --import tsx test/formats/parity-table.ts      writes the tables into docs/formats.md
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../../scripts/root.mjs'
import { allCases } from '../parity/cases/index.js'
import type { ParityCase } from '../parity/parity-case.js'

export const PAGE = join(ROOT, 'docs/formats.md')

const BEGIN = '<!-- parity:begin -->\n'
const END = '<!-- parity:end -->\n'

/** The page with the tables of `cases` between its markers. */
export function withTables(page: string, cases: readonly ParityCase[] = allCases): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`expected ${BEGIN.trim()} and ${END.trim()} in ${PAGE}`)
  return `${page.slice(0, begin + BEGIN.length)}\n${tables(cases)}\n${page.slice(end)}`
}

function tables(cases: readonly ParityCase[]): string {
  return [
    ...table('target', cases, (test) => test.target.name),
    '',
    ...table('category', cases, (test) => test.category),
    '',
    ...knownDifferences(cases),
    '',
  ].join('\n')
}

function table(heading: string, cases: readonly ParityCase[], key: (test: ParityCase) => string): string[] {
  const row = (name: string, some: readonly ParityCase[]): string => {
    const known = some.filter((test) => test.knownDifference !== undefined).length
    const refused = some.filter((test) => test.fails).length
    return `| ${name} | ${some.length} | ${refused} | ${some.length - known} | ${known} |`
  }
  const names = [...new Set(cases.map(key))].sort()
  return [
    `| ${heading} | cases | of these, links that lld refuses | must be identical | known difference |`,
    '|---|---:|---:|---:|---:|',
    ...names.map((name) =>
      row(
        name,
        cases.filter((test) => key(test) === name),
      ),
    ),
    row('**all**', cases),
  ]
}

/** One line for each reason. */
function knownDifferences(cases: readonly ParityCase[]): string[] {
  const reasons = new Map<string, string[]>()
  for (const { knownDifference, category, name } of cases)
    if (knownDifference !== undefined)
      reasons.set(knownDifference, [...(reasons.get(knownDifference) ?? []), `${category}: ${name}`])
  if (reasons.size === 0) return ['No known differences.']
  return [
    'Known differences:',
    '',
    ...[...reasons].map(([reason, titles]) => `* ${titles.map((title) => `“${title}”`).join(', ')}: ${reason}.`),
  ]
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')))
