import { parseDistributor } from './choices.js'
import { type PartialSettings, SettingsReader } from './settings.js'
import { SETTING_KEYS, variableName } from './table.js'
import type { Environment } from './variables.js'

/**
 * For builds whose linker flags are hard to reach: a variable for every setting, and DTLTO_DISTRIBUTE with several distributors separated by
 * blanks. DTLTO_CONFIG is the file's business. An empty variable is as good as none.
 */
export function settingsFromEnvironment(env: Environment): PartialSettings {
  const reader = new SettingsReader()
  const distribute = env['DTLTO_DISTRIBUTE']?.trim()
  if (distribute) {
    reader.distribute(distribute.split(/\s+/).map((text) => parseDistributor(text, `DTLTO_DISTRIBUTE=${text}`)))
  }
  for (const key of SETTING_KEYS) {
    const name = variableName(key)
    if (env[name]) reader.read(key, env[name], name)
  }
  return reader.settings
}
