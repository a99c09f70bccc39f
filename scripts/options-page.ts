/**
 * The tables of docs/options.md, made from the table of settings (packages/dtlto/src/config/table.ts).
 *
 *     node --import tsx scripts/options-page.ts      writes them into the page
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
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
import { ROOT } from './root.mjs'

export const PAGE = join(ROOT, 'docs/options.md')

/** The page with fresh tables between its markers. */
export function withTables(page: string): string {
  const parts = { options: optionsTable(), variables: variablesTable(), file: exampleFile() }
  return Object.entries(parts).reduce((text, [name, lines]) => {
    const [begin, end] = [`<!-- ${name}:begin -->\n`, `<!-- ${name}:end -->\n`]
    const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
    if (from < begin.length || to < from) throw new Error(`expected ${begin.trim()} and ${end.trim()} in ${PAGE}`)
    return `${text.slice(0, from)}\n${lines.join('\n')}\n\n${text.slice(to)}`
  }, page)
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
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')))
