/**
 * The tables of options in the documents: docs/options.md's, and those of the distributors in whichever page has their marks.
 *
 *     node --import tsx scripts/options-page.ts      writes them into the pages
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OptionsSchema } from '../packages/dtlto/src/distributors/interface.js'
import { exampleFile, optionRows, SCHEMAS, schemaRows, variableRows, writtenValue } from './option-rows.js'
import { ROOT } from './root.mjs'

const DOCS = join(ROOT, 'docs')
export const PAGES = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(DOCS, name))

const TABLES: Readonly<Record<string, () => readonly string[]>> = {
  options: optionsTable,
  variables: variablesTable,
  file: () => ['```toml', ...exampleFile(), '```'],
  ...Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => [`distributor ${name}`, () => schemaTable(schema)]),
  ),
}

/** The page with fresh tables between its marks, `<!-- NAME:begin -->` and `<!-- NAME:end -->`. */
export function withTables(page: string): string {
  return tableNames(page).reduce((text, name) => {
    const [begin, end] = [`<!-- ${name}:begin -->\n`, `<!-- ${name}:end -->\n`]
    const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
    const table = TABLES[name]
    if (to < from) throw new Error(`'${begin.trim()}' without '${end.trim()}'`)
    if (table === undefined) throw new Error(`there is no table '${name}': ${Object.keys(TABLES).join(', ')}`)
    return `${text.slice(0, from)}\n${table().join('\n')}\n\n${text.slice(to)}`
  }, page)
}

/** Other marks are those of other programs. */
export function tableNames(page: string): string[] {
  const marks = [...page.matchAll(/^<!-- ([^:]+):begin -->$/gm)].map(([, name = '']) => name)
  return marks.filter((name) => name in TABLES || name.startsWith('distributor '))
}

function schemaTable(schema: OptionsSchema): string[] {
  const rows = schemaRows(schema).map((of) => row(`\`${of.name}\``, of.meaning, of.value, of.default))
  return ['| option | meaning | value | default |', '|---|---|---|---|', ...rows]
}

function optionsTable(): string[] {
  const rows = optionRows().map((option) =>
    row(`\`--${option.name}${writtenValue(option)}\``, option.meaning, option.default),
  )
  return ['| option (COFF spelling `/distribute:…`) | meaning | default |', '|---|---|---|', ...rows]
}

function variablesTable(): string[] {
  const rows = variableRows().map(({ name, meaning }) => row(`\`${name}\``, meaning))
  return ['| variable | same as |', '|---|---|', ...rows]
}

const row = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const page of PAGES) writeFileSync(page, withTables(readFileSync(page, 'utf8')))
