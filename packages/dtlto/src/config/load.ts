import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { BUILT_IN, isPath, isThere } from '../distributors/locate.js'
import { DtltoError } from '../errors.js'
import { howToAllow, isAllowed } from './consent.js'
import { settingsFromEnvironment } from './environment.js'
import { type FileSettings, findConfigFile, NO_FILE, parseConfig, readConfigFile } from './file.js'
import { didYouMean } from './nearest.js'
import {
  DEFAULT_SETTINGS,
  type DistributorChoice,
  mergeSettings,
  type PartialSettings,
  type Settings,
} from './settings.js'
import { whyDistrusted } from './trusted-file.js'
import { checkVariables, type Environment, optionVariables } from './variables.js'

export interface SettingsSources {
  readonly commandLine: PartialSettings
  /** --distribute-config. */
  readonly configFile: string | undefined
  readonly env: Environment
  readonly workingDirectory: string
  /** Hears what was left out although a file asks for it. */
  readonly warn: (message: string) => void
}

interface SettingsFile extends FileSettings {
  readonly path?: string
  /** It was merely found, and the user has not allowed it to name code. */
  readonly notAllowed?: string
}

/** Command line before environment before file before defaults. Throws DTLTO_OPTION_INVALID and DTLTO_CONFIG_INVALID. */
export async function loadSettings(sources: SettingsSources): Promise<Settings> {
  const environment = settingsFromEnvironment(sources.env)
  const file = await settingsFile(sources)
  const merged = mergeSettings([sources.commandLine, environment, file.settings])
  const isFiles = merged.distributors === file.settings.distributors
  const named = isFiles
    ? merged.distributors.filter((choice) => mayRun(choice, file, sources.warn))
    : merged.distributors
  const chosen = named.length > 0 ? named : DEFAULT_SETTINGS.distributors
  if (merged.required && chosen.every(({ name }) => name === 'local')) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      '--distribute-required: there is no distributor but this machine; name one with --distribute',
    )
  }
  checkTables(file, merged.distributors, sources.workingDirectory)
  const variables = optionVariables(sources.env)
  // What a path or a package calls itself is known when it is loaded: prepareDistributors.
  if (chosen.every(({ name }) => BUILT_IN.includes(name))) checkVariables(sources.env, BUILT_IN)
  return {
    ...merged,
    distributors: eachOnce(
      chosen.map((choice) => ({
        ...withFileOptions(choice, file, sources.workingDirectory),
        ...(Object.keys(variables).length > 0 && { variables }),
      })),
    ),
  }
}

async function settingsFile({ configFile, env, workingDirectory, warn }: SettingsSources): Promise<SettingsFile> {
  const named = configFile ?? (env['DTLTO_CONFIG'] || undefined)
  if (named !== undefined) {
    if (existsSync(named)) return { ...(await readConfigFile(named)), path: resolve(named) }
    const place = configFile === undefined ? 'DTLTO_CONFIG' : '--distribute-config'
    throw new DtltoError('DTLTO_CONFIG_INVALID', `${place}: no such file '${named}'`)
  }
  const found = findConfigFile(workingDirectory, warn)
  if (found === undefined) return NO_FILE
  const { path } = found
  return { ...(await parseConfig(found.text, path)), path, ...(isAllowed(found, env) ? {} : { notAllowed: path }) }
}

/** Whether a distributor that the file names may be loaded: what is not dtlto's own is code, which a file that was merely found may not name. */
function mayRun({ name }: DistributorChoice, file: SettingsFile, warn: SettingsSources['warn']): boolean {
  if (BUILT_IN.includes(name)) return true
  if (file.notAllowed !== undefined) {
    warn(
      `distributor '${name}' is not used: it is code that '${file.notAllowed}' names; ${howToAllow(file.notAllowed)}`,
    )
    return false
  }
  const distrust = isPath(name) ? whyDistrusted(name) : undefined
  if (distrust !== undefined)
    warn(`distributor '${name}', which '${String(file.path)}' names, is not used: ${distrust}`)
  return distrust === undefined
}

/** File options under those written beside the name. */
function withFileOptions(choice: DistributorChoice, file: SettingsFile, workingDirectory: string): DistributorChoice {
  const found = file.distributorOptions.get(fullName(choice, workingDirectory))
  if (found === undefined) return choice
  const options = { ...found.options, ...choice.options }
  const places = Object.fromEntries(Object.entries(found.places).filter(([key]) => !Object.hasOwn(choice.options, key)))
  return { ...choice, options, places, ...(file.notAllowed !== undefined && { notAllowed: file.notAllowed }) }
}

const fullName = ({ name }: DistributorChoice, workingDirectory: string): string =>
  isPath(name) ? resolve(workingDirectory, name) : name

/** A table may be for a distributor that this link does not use, but not for one that nobody has. */
function checkTables(file: SettingsFile, chosen: readonly DistributorChoice[], workingDirectory: string): void {
  const names = new Set(chosen.map((choice) => fullName(choice, workingDirectory)))
  for (const [name, { heading }] of file.distributorOptions) {
    if (names.has(name) || isThere(name, dirname(file.path ?? ''))) continue
    throw new DtltoError(
      'DTLTO_CONFIG_INVALID',
      `${heading}: there is no distributor '${name}'${didYouMean(name, [...BUILT_IN, ...names])}`,
    )
  }
}

/** The same distributor with the same options again is what comes of flags that are passed twice, and not twice the machines. */
function eachOnce(choices: readonly DistributorChoice[]): DistributorChoice[] {
  const byContent = new Map<string, DistributorChoice>()
  for (const choice of choices) {
    const content = JSON.stringify([choice.name, Object.entries(choice.options).sort()])
    if (!byContent.has(content)) byContent.set(content, choice)
  }
  return [...byContent.values()]
}
