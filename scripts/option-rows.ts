/**
 * What can be set, as rows for documents and man pages: from the table of settings (packages/dtlto/src/config/table.ts), and from the schemas that check the
 * options of distributors. Texts are Markdown.
 */
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
import { FILE, REPORT_FILE } from '../packages/dtlto/src/config/values.js'
import { SETTING_VARIABLES, START_VARIABLES } from '../packages/dtlto/src/config/variables.js'
import type { OptionSpec, OptionsSchema } from '../packages/dtlto/src/distributors/interface.js'
import { worker } from '../packages/dtlto/src/distributors/worker/worker.js'
import { HOME_OPTIONS } from '../packages/dtlto/src/link/home.js'

/** dtlto's own distributors. */
export const SCHEMAS: Readonly<Record<string, OptionsSchema>> = {
  local: HOME_OPTIONS,
  worker: worker.options,
  distcc: DISTCC_OPTIONS,
  external: EXTERNAL_OPTIONS,
  reapi: REAPI_OPTIONS,
  ssh: SSH_OPTIONS,
}

export interface OptionRow {
  /** Without dashes: `distribute-cache`. */
  readonly name: string
  /** `<file>`; empty for one that needs no value. */
  readonly placeholder: string
  /** It may be written without a value. */
  readonly isOptional: boolean
  /** The words that the value is one of. */
  readonly choices: readonly string[]
  /** One line. */
  readonly help: string
  readonly meaning: string
  readonly default: string
}

/** Of a link, in the order of the documents. */
export function optionRows(): readonly OptionRow[] {
  const others = Object.entries(OTHER_OPTIONS).map(([name, { placeholder, help, docs, default: value }]) => {
    return { name, placeholder, isOptional: false, choices: [], help, meaning: docs, default: value }
  })
  const settings = SETTING_KEYS.map((key) => {
    const { kind, docs, help } = SETTINGS[key]
    return {
      name: optionName(key),
      placeholder: kind.placeholder,
      isOptional: kind.bare !== undefined,
      choices: 'choices' in kind ? kind.choices : [],
      help,
      meaning: docs ?? lowerFirst(help),
      default: defaultOf(key),
    }
  })
  return [...others, ...settings]
}

/** Of dtlto.toml: `key = example`, and what it means. */
export function fileRows(): readonly { readonly key: string; readonly example: string; readonly meaning: string }[] {
  return SETTING_KEYS.map((key) => {
    const { docs, help, example } = SETTINGS[key]
    return { key: writtenName(key), example, meaning: docs ?? lowerFirst(help) }
  })
}

export function variableRows(): readonly { readonly name: string; readonly meaning: string }[] {
  const others = Object.keys(OTHER_OPTIONS).map((option, i) => {
    return { name: SETTING_VARIABLES[i] ?? '', meaning: `\`--${option}\`` }
  })
  const settings = SETTING_KEYS.map((key) => ({ name: variableName(key), meaning: `\`--${optionName(key)}\`` }))
  const start = Object.entries(START_VARIABLES).map(([name, meaning]) => ({ name, meaning }))
  return [...others, ...settings, ...start]
}

export interface SchemaRow {
  readonly name: string
  readonly meaning: string
  readonly value: string
  readonly default: string
}

/** A default that depends on something is the end of the description: "…; default: what lld does". */
export function schemaRows(schema: OptionsSchema): readonly SchemaRow[] {
  return Object.entries(schema).map(([name, spec]) => {
    const [, text = '', inWords] = /^(.*?)(?:[.;] default: (.*))?$/is.exec(spec.description) ?? []
    return { name, meaning: lowerFirst(text), value: valueOf(spec), default: inWords ?? writtenDefault(spec) }
  })
}

/** Settings that are paths, in the example too. */
const FILES: readonly unknown[] = [FILE, REPORT_FILE]

/** What follows the option's name: `=<file>`, `[=<file>]` or nothing. */
export const writtenValue = ({ placeholder, isOptional }: OptionRow): string =>
  placeholder === '' ? '' : isOptional ? `[=${placeholder}]` : `=${placeholder}`

/** A dtlto.toml with everything. */
export function exampleFile(): readonly string[] {
  const lines = SETTING_KEYS.map((key) => {
    const { kind, example } = SETTINGS[key]
    const line = `${writtenName(key)} = ${example}`
    return FILES.includes(kind) ? `${line.padEnd(34)} # relative to this file` : line
  })
  return [
    `${'distribute = ["distcc", "local"]'.padEnd(34)} # or one name`,
    ...lines,
    '',
    `${'[distributor.distcc]'.padEnd(34)} # options of a distributor, whoever names it`,
    'hosts = ["build1/8", "build2/8"]',
  ]
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

function defaultOf(key: SettingKey): string {
  const value: string | number | boolean | undefined = SETTINGS[key].default
  return value === undefined || value === false || value === 0 ? 'off' : `\`${String(value)}\``
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
