/**
 * dtlto.toml:
 *
 *     distribute = ["distcc", "local"]   # or one name
 *     fallback = "local"
 *     progress = "auto"
 *     trace = "link.json"                # relative to this file
 *     timings = "timings.json"           # relative to this file
 *     summary = false
 *     verify = false
 *
 *     [distributor.distcc]               # options for that distributor, whoever named it
 *     hosts = ["build1/8", "build2/8"]
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DtltoError } from '../errors.js'
import type { DistributorChoice, PartialSettings, RawOptionValue } from './settings.js'
import { parseBoolean, parseFallback, parsePath, parseProgress } from './values.js'

export const CONFIG_FILE_NAME = 'dtlto.toml'

export interface FileSettings {
  readonly settings: PartialSettings
  /** By distributor name: options that hold wherever that name is chosen. */
  readonly distributorOptions: Readonly<Record<string, Readonly<Record<string, RawOptionValue>>>>
}

export const NO_FILE: FileSettings = { settings: {}, distributorOptions: {} }

/** The nearest dtlto.toml from `directory` upwards. */
export function findConfigFile(directory: string): string | undefined {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const candidate = join(at, CONFIG_FILE_NAME)
    if (existsSync(candidate)) return candidate
    if (at === dirname(at)) return undefined
  }
}

export async function readConfigFile(path: string): Promise<FileSettings> {
  const { parse } = await import('smol-toml')
  let content: Record<string, unknown>
  try {
    content = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const problem = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new DtltoError('DTLTO_CONFIG_INVALID', `cannot read configuration '${path}': ${problem}`, { cause: error })
  }
  return interpretConfig(content, path)
}

export function interpretConfig(content: Readonly<Record<string, unknown>>, path: string): FileSettings {
  const settings: { -readonly [K in keyof PartialSettings]: PartialSettings[K] } = {}
  let distributorOptions: FileSettings['distributorOptions'] = {}
  for (const [key, value] of Object.entries(content)) {
    const place = `'${key}' in '${path}'`
    switch (key) {
      case 'distribute':
        settings.distributors = distributorNames(value, path).map((name) => ({ name, options: {}, from: place }))
        break
      case 'fallback':
        settings.fallback = parseFallback(value, place)
        break
      case 'progress':
        settings.progress = parseProgress(value, place)
        break
      case 'trace':
        settings.trace = resolve(dirname(path), parsePath(value, place))
        break
      case 'timings':
        settings.timings = resolve(dirname(path), parsePath(value, place))
        break
      case 'summary':
        settings.summary = parseBoolean(value, place)
        break
      case 'verify':
        settings.verify = parseBoolean(value, place)
        break
      case 'distributor':
        distributorOptions = optionTables(value, path)
        break
      default:
        throw new DtltoError(
          'DTLTO_CONFIG_INVALID',
          `unknown setting '${key}' in '${path}': expected distribute, fallback, progress, trace, timings, summary, verify or [distributor.NAME]`,
        )
    }
  }
  return { settings, distributorOptions }
}

/** File options under those written beside the name. */
export function withFileOptions(choice: DistributorChoice, file: FileSettings): DistributorChoice {
  const options = file.distributorOptions[choice.name]
  return options ? { ...choice, options: { ...options, ...choice.options } } : choice
}

function distributorNames(value: unknown, path: string): string[] {
  const names = typeof value === 'string' ? [value] : value
  if (Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')) {
    return names as string[]
  }
  throw new DtltoError(
    'DTLTO_CONFIG_INVALID',
    `'distribute' in '${path}': expected a distributor's name or a list of names`,
  )
}

function optionTables(value: unknown, path: string): FileSettings['distributorOptions'] {
  const tables: Record<string, Record<string, RawOptionValue>> = {}
  for (const [name, table] of Object.entries(asTable(value, `'distributor' in '${path}'`))) {
    const place = `[distributor.${name}] in '${path}'`
    const options: Record<string, RawOptionValue> = {}
    for (const [key, option] of Object.entries(asTable(table, place))) {
      if (!isRawValue(option)) {
        throw new DtltoError(
          'DTLTO_CONFIG_INVALID',
          `'${key}' of ${place}: expected a string, number, boolean or list of strings`,
        )
      }
      options[key] = option
    }
    tables[name] = options
  }
  return tables
}

function asTable(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new DtltoError('DTLTO_CONFIG_INVALID', `${place}: expected a table`)
}

function isRawValue(value: unknown): value is RawOptionValue {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string')
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
