/** The settings of one link, whatever they were written in. */
import type { DistributorDefinition } from '../distributors/interface.js'
import { SETTING_KEYS, SETTINGS, type SettingKey, type SettingValues, writtenName } from './table.js'
import type { Environment } from './variables.js'

/** A value as written: a string from the command line or the environment, any scalar or list from the file. */
export type RawOptionValue = string | number | boolean | readonly string[]

/** A distributor that the user named, with its options as written; its own schema checks them when it is loaded. */
export interface DistributorChoice {
  /** A built-in name, an npm package, a path to an ES module or to a shared library (`.node`, `.so`). */
  readonly name: string
  /** The distributor itself, from a program that embeds the link: then nothing is loaded, and `name` is for messages. */
  readonly definition?: DistributorDefinition
  readonly options: Readonly<Record<string, RawOptionValue>>
  /** Where it was written, for errors, for example "--distribute=distcc" or "dtlto.toml". */
  readonly from: string
  /** Where single options were written, for errors, by key; the others beside the name. */
  readonly places?: Readonly<Record<string, string>>
  /** Variables of the environment that are no settings: options, if their names begin with the distributor's. */
  readonly variables?: Environment
  /** The file that `places` are in, if it was merely found and the user has not allowed it to name code. */
  readonly notAllowed?: string
  /** What a relative path, or the search for a package, counts from, if not the working directory. */
  readonly directory?: string
}

/** A row of the table in table.ts is a field here. */
export interface Settings extends SettingValues {
  readonly distributors: readonly DistributorChoice[]
  /** Where each was written, for messages: an option, a variable, a key and its file. */
  readonly places?: Readonly<Partial<Record<SettingKey, string>>>
}

/** Settings from one source: only what is written there. */
export type PartialSettings = { readonly [K in keyof Settings]?: Settings[K] }

export const DEFAULT_SETTINGS: Settings = {
  ...(Object.fromEntries(SETTING_KEYS.map((key) => [key, SETTINGS[key].default])) as unknown as SettingValues),
  distributors: [{ name: 'local', options: {}, from: 'the default' }],
  places: {},
}

/** Earlier sources win, setting by setting. */
export function mergeSettings(sources: readonly PartialSettings[]): Settings {
  const weakestFirst = [...sources].reverse()
  const places = new Map<string, string | undefined>()
  for (const source of weakestFirst)
    for (const key of SETTING_KEYS) if (Object.hasOwn(source, key)) places.set(key, source.places?.[key])
  const known = [...places].filter(([, place]) => place !== undefined)
  return Object.assign({}, DEFAULT_SETTINGS, ...weakestFirst, { places: Object.fromEntries(known) }) as Settings
}

/** How a message begins that is about a setting's value. */
export function placeOf({ places }: Settings, key: SettingKey): string {
  return places?.[key] ?? `--distribute-${writtenName(key)}`
}

/** What one source says, gathered value by value. */
export class SettingsReader {
  readonly #values: Partial<Record<keyof Settings, unknown>> = {}
  readonly #places: Partial<Record<SettingKey, string>> = {}

  /** Reads a value as written, and gives what it means. Throws DTLTO_OPTION_INVALID, which begins with `place`. */
  read(key: SettingKey, written: unknown, place: string, directory?: string): unknown {
    this.#places[key] = place
    return (this.#values[key] = SETTINGS[key].kind.parse(written, place, directory))
  }

  distribute(choices: readonly DistributorChoice[]): void {
    this.#values.distributors = choices
  }

  get settings(): PartialSettings {
    return { ...this.#values, places: this.#places } as PartialSettings
  }
}
