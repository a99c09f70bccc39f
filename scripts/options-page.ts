/**
 * The tables of options in the documents: docs/options.md from the table of settings (packages/dtlto/src/config/table.ts), and those of the
 * distributors, in whichever page has their marks, from the schemas that check the options.
 *
 *     node --import tsx scripts/options-page.ts      writes them into the pages
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OPTIONS as DISTCC_OPTIONS } from '../packages/distributor-distcc/src/options.js'
import { OPTIONS as EXTERNAL_OPTIONS } from '../packages/distributor-external/src/options.js'
import { OPTIONS as REAPI_OPTIONS } from '../packages/distributor-reapi/src/options.js'
import { OPTIONS as SSH_OPTIONS } from '../packages/distributor-ssh/src/options.js'
import {
  optionName,
  OTHER_OPTIONS,
  SETTING_KEYS,
  SETTINGS,
  type SettingKey,
  variableName,
  writtenName,
} from '../packages/dtlto/src/config/table.js'
import { SETTING_VARIABLES, START_VARIABLES } from '../packages/dtlto/src/config/variables.js'
import { FILE } from '../packages/dtlto/src/config/values.js'
import type { OptionSpec, OptionsSchema } from '../packages/dtlto/src/distributors/interface.js'
import { worker } from '../packages/dtlto/src/distributors/worker/worker.js'
import { HOME_OPTIONS } from '../packages/dtlto/src/link/home.js'
import { ROOT } from './root.mjs'

const DOCS = join(ROOT, 'docs')
export const PAGES = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(DOCS, name))

/** dtlto's own distributors. */
const SCHEMAS: Readonly<Record<string, OptionsSchema>> = {
  local: HOME_OPTIONS,
  worker: worker.options,
  distcc: DISTCC_OPTIONS,
  external: EXTERNAL_OPTIONS,
  reapi: REAPI_OPTIONS,
  ssh: SSH_OPTIONS,
}

const TABLES: Readonly<Record<string, () => string[]>> = {
  options: optionsTable,
  variables: variablesTable,
  file: exampleFile,
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

/** A default that depends on something is the end of the description: "…; default: what lld does". */
function schemaTable(schema: OptionsSchema): string[] {
  const rows = Object.entries(schema).map(([name, spec]) => {
    const [, text = '', inWords] = /^(.*?)(?:[.;] default: (.*))?$/is.exec(spec.description) ?? []
    return row(`\`${name}\``, lowerFirst(text), valueOf(spec), inWords ?? writtenDefault(spec))
  })
  return ['| option | meaning | value | default |', '|---|---|---|---|', ...rows]
}

function valueOf(spec: OptionSpec): string {
  switch (spec.type) {
    case 'string':
      return spec.choices?.map((choice) => `\`${choice}\``).join(' or ') ?? 'text'
    case 'integer':
      if (spec.min === undefined || spec.max === undefined) return 'a number'
      return `${String(spec.min)} to ${String(spec.max)}`
    case 'boolean':
      return '`on` or `off`'
    case 'list':
      return 'a list'
  }
}

function writtenDefault({ default: value }: OptionSpec): string {
  if (value === undefined || (typeof value === 'object' && value.length === 0) || value === '') return 'none'
  if (typeof value === 'boolean') return value ? '`on`' : '`off`'
  return `\`${typeof value === 'object' ? value.join('+') : String(value)}\``
}

function optionsTable(): string[] {
  const others = Object.entries(OTHER_OPTIONS).map(([name, { placeholder, docs, default: value }]) =>
    row(`\`--${name}=${placeholder}\``, docs, value),
  )
  const settings = SETTING_KEYS.map((key) => {
    const { kind, docs, help } = SETTINGS[key]
    const value = kind.placeholder === '' ? '' : `=${kind.placeholder}`
    return row(`\`--${optionName(key)}${value}\``, docs ?? lowerFirst(help), defaultOf(key))
  })
  return ['| option (COFF spelling `/distribute:…`) | meaning | default |', '|---|---|---|', ...others, ...settings]
}

function variablesTable(): string[] {
  const others = Object.keys(OTHER_OPTIONS).map((name, i) => row(`\`${SETTING_VARIABLES[i] ?? ''}\``, `\`--${name}\``))
  const settings = SETTING_KEYS.map((key) => row(`\`${variableName(key)}\``, `\`--${optionName(key)}\``))
  const start = Object.entries(START_VARIABLES).map(([name, meaning]) => row(`\`${name}\``, meaning))
  return ['| variable | same as |', '|---|---|', ...others, ...settings, ...start]
}

function exampleFile(): string[] {
  const lines = SETTING_KEYS.map((key) => {
    const { kind, example } = SETTINGS[key]
    const line = `${writtenName(key)} = ${example}`
    return (kind as unknown) === FILE ? `${line.padEnd(34)} # relative to this file` : line
  })
  return [
    '```toml',
    `${'distribute = ["distcc", "local"]'.padEnd(34)} # or one name`,
    ...lines,
    '',
    `${'[distributor.distcc]'.padEnd(34)} # options of a distributor, whoever names it`,
    'hosts = ["build1/8", "build2/8"]',
    '```',
  ]
}

function defaultOf(key: SettingKey): string {
  const value: string | number | boolean | undefined = SETTINGS[key].default
  return value === undefined || value === false || value === 0 ? 'off' : `\`${String(value)}\``
}

const row = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const page of PAGES) writeFileSync(page, withTables(readFileSync(page, 'utf8')))
