import { existsSync } from 'node:fs'
import { DtltoError } from '../errors.js'
import { settingsFromEnvironment } from './environment.js'
import { type FileSettings, findConfigFile, NO_FILE, readConfigFile, withFileOptions } from './file.js'
import { type DistributorChoice, mergeSettings, type PartialSettings, type Settings } from './settings.js'

export interface SettingsSources {
  readonly commandLine: PartialSettings
  /** --distribute-config. */
  readonly configFile: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
}

/** Command line before environment before file before defaults. Throws DTLTO_OPTION_INVALID and DTLTO_CONFIG_INVALID. */
export async function loadSettings(sources: SettingsSources): Promise<Settings> {
  const file = await settingsFile(sources)
  const merged = mergeSettings([sources.commandLine, settingsFromEnvironment(sources.env), file.settings])
  return { ...merged, distributors: eachOnce(merged.distributors.map((choice) => withFileOptions(choice, file))) }
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

async function settingsFile({ configFile, env, workingDirectory }: SettingsSources): Promise<FileSettings> {
  const named = configFile ?? (env['DTLTO_CONFIG'] || undefined)
  if (named !== undefined && !existsSync(named)) {
    const place = configFile === undefined ? 'DTLTO_CONFIG' : '--distribute-config'
    throw new DtltoError('DTLTO_CONFIG_INVALID', `${place}: no such file '${named}'`)
  }
  const path = named ?? findConfigFile(workingDirectory)
  return path === undefined ? NO_FILE : await readConfigFile(path)
}
