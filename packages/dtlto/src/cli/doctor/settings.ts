import { findConfigFile } from '../../config/file.js'
import type { Settings } from '../../config/settings.js'
import { type Environment, optionVariables, SETTING_VARIABLES, START_VARIABLES } from '../../config/variables.js'
import { jobserverAddress, openJobserver } from '../../slots/jobserver.js'
import { type Finding, good, note } from './finding.js'

/** Settings that were read without an error: where they come from, and what they come to. */
export function describeSettings(settings: Settings, env: Environment, directory: string): Finding[] {
  const file = env['DTLTO_CONFIG'] || findConfigFile(directory)?.path
  const names = [...SETTING_VARIABLES, ...Object.keys(START_VARIABLES), ...Object.keys(optionVariables(env))]
  const variables = names.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : []))
  const chosen = settings.distributors.map(({ name, options, from }) => {
    const written = Object.entries(options).map(([key, value]) => `,${key}=${[value].flat().join('+')}`)
    return `${name}${written.join('')} (from ${from})`
  })
  return [
    good(file ? `configuration file '${file}'` : 'no configuration file, which is fine'),
    ...(variables.length > 0 ? [good(`environment: ${variables.join(' ')}`)] : []),
    good(`distributors: ${chosen.join('; ')}; fallback: ${settings.fallback}`),
  ]
}

/** How links started in this environment share the machine. */
export function describeSharing(env: Environment): Finding {
  const address = jobserverAddress(env)
  if (!address) return good('no jobserver of make here: links that run at the same time share the cores evenly')
  const jobserver = openJobserver(address)
  jobserver?.close()
  return jobserver
    ? good(`links take tokens of the jobserver '${address.text}'`)
    : note(
        `make offers a jobserver ('${address.text}') but does not hand it down to this command: links do without it`,
        "begin the recipe line with '+', or use make --jobserver-style=fifo (make 4.4)",
      )
}
