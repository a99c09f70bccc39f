/**
 * dtlto.toml. Its keys are `distribute`, the rows of table.ts, and a table of options for each distributor (docs/options.md has an example).
 * Relative paths count from the file.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isPath } from '../distributors/locate.js'
import { DtltoError } from '../errors.js'
import { whyNotFile } from '../why-not-file.js'
import { didYouMean } from './nearest.js'
import { type DistributorChoice, type PartialSettings, type RawOptionValue, SettingsReader } from './settings.js'
import { SETTING_KEYS, writtenName } from './table.js'
import { placeOf } from './toml-place.js'
import { readTrusted, type TrustedFile } from './trusted-file.js'

export const CONFIG_FILE_NAME = 'dtlto.toml'

/** The options of one distributor that the file gives, wherever that name is chosen. */
export interface FileOptions {
  /** Where its table begins. */
  readonly heading: string
  readonly options: Readonly<Record<string, RawOptionValue>>
  /** Where each of them stands, by key. */
  readonly places: Readonly<Record<string, string>>
}

export interface FileSettings {
  readonly settings: PartialSettings
  /** By distributor name. */
  readonly distributorOptions: ReadonlyMap<string, FileOptions>
}

export const NO_FILE: FileSettings = { settings: {}, distributorOptions: new Map() }

/**
 * The nearest dtlto.toml from `directory` upwards that the user or root has written. `onDistrust` hears of others, which are passed by:
 * somebody else's file decides nothing, and breaks nothing.
 */
export function findConfigFile(
  directory: string,
  onDistrust: (message: string) => void = () => undefined,
): TrustedFile | undefined {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const candidate = join(at, CONFIG_FILE_NAME)
    const file = readTrusted(candidate)
    if (file !== undefined && !('distrust' in file)) return file
    if (file !== undefined) {
      onDistrust(`'${candidate}' is not used: ${file.distrust}; if you trust it, name it with --distribute-config`)
    }
    if (at === dirname(at)) return undefined
  }
}

/** A file that the user named: any that can be read. */
export async function readConfigFile(path: string): Promise<FileSettings> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const problem = `cannot read configuration '${path}': ${whyNotFile(error)}`
    throw new DtltoError('DTLTO_CONFIG_INVALID', problem, { cause: error })
  }
  return await parseConfig(text, resolve(path))
}

/** `path`: absolute. Throws DTLTO_CONFIG_INVALID and DTLTO_OPTION_INVALID, with the place. */
export async function parseConfig(text: string, path: string): Promise<FileSettings> {
  const { parse, TomlError } = await import('smol-toml')
  let content: Record<string, unknown>
  try {
    content = parse(text)
  } catch (error) {
    const at = error instanceof TomlError ? `:${String(error.line)}:${String(error.column)}` : ''
    const problem = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new DtltoError(
      'DTLTO_CONFIG_INVALID',
      `cannot read configuration '${path}${at}': ${problem.replace(/^Invalid TOML document: /, '')}`,
      { cause: error },
    )
  }
  return new ConfigReader(text, path).read(content)
}

class ConfigReader {
  readonly #text: string
  readonly #path: string

  constructor(text: string, path: string) {
    this.#text = text
    this.#path = path
  }

  read(content: Readonly<Record<string, unknown>>): FileSettings {
    const reader = new SettingsReader()
    let distributorOptions: FileSettings['distributorOptions'] = new Map()
    for (const [name, value] of Object.entries(content)) {
      const place = `'${name}' in ${this.#at(name)}`
      const key = SETTING_KEYS.find((key) => writtenName(key) === name)
      if (key !== undefined) reader.read(key, value, place, dirname(this.#path))
      else if (name === 'distribute') reader.distribute(this.#choices(value, place))
      else if (name === 'distributor') distributorOptions = this.#optionTables(value, place)
      else this.#refuse(`unknown setting ${place}${this.#expected(name)}`)
    }
    return { settings: reader.settings, distributorOptions }
  }

  #choices(value: unknown, place: string): DistributorChoice[] {
    const names: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (names.length === 0) return this.#refuse(`${place}: expected a distributor's name or a list of names`)
    return names.map((name) => {
      if (typeof name === 'string' && name.includes(',')) {
        const [distributor = ''] = name.split(',')
        return this.#refuse(`${place}: options of '${distributor}' belong into a table, [distributor.${distributor}]`)
      }
      if (typeof name === 'string' && name !== '') return { ...this.#distributor(name), options: {}, from: place }
      return this.#refuse(`${place}: expected a distributor's name or a list of names`)
    })
  }

  #optionTables(value: unknown, place: string): Map<string, FileOptions> {
    const tables = new Map<string, FileOptions>()
    for (const [name, table] of Object.entries(this.#table(value, place))) {
      const section = `[distributor.${name}]`
      const heading = `${section} in ${this.#at('distributor', name)}`
      const entries = Object.entries(this.#table(table, heading))
      const places = entries.map(([key]) => [key, `'${key}' of ${section} in ${this.#at('distributor', name, key)}`])
      const options = entries.map(([key, option], i): [string, RawOptionValue] => {
        if (isRawValue(option)) return [key, option]
        return this.#refuse(`${String(places[i]?.[1])}: expected a string, number, boolean or list of strings`)
      })
      tables.set(this.#distributor(name).name, {
        heading,
        options: Object.fromEntries(options),
        places: Object.fromEntries(places) as Record<string, string>,
      })
    }
    return tables
  }

  /** Relative paths, and the search for packages, count from the file. */
  #distributor(name: string): Pick<DistributorChoice, 'name' | 'directory'> {
    const directory = dirname(this.#path)
    return { name: isPath(name) ? resolve(directory, name) : name, directory }
  }

  #table(value: unknown, place: string): Record<string, unknown> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)) {
      return value as Record<string, unknown>
    }
    return this.#refuse(`${place}: expected a table`)
  }

  /** The file, with line and column of the key. */
  #at(...key: readonly string[]): string {
    const place = placeOf(this.#text, key)
    return `'${this.#path}${place ? `:${String(place.line)}:${String(place.column)}` : ''}'`
  }

  #expected(name: string): string {
    const names = ['distribute', ...SETTING_KEYS.map(writtenName)]
    return didYouMean(name, [...names, 'distributor']) || `: expected ${names.join(', ')} or [distributor.NAME]`
  }

  #refuse(message: string): never {
    throw new DtltoError('DTLTO_CONFIG_INVALID', message)
  }
}

function isRawValue(value: unknown): value is RawOptionValue {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string')
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
