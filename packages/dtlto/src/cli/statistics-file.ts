import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Environment } from '../config/variables.js'

/** Where the statistics of this user are: the setting, or the user's own directory of states. Undefined where there is none. */
export function statisticsFile(setting: string | boolean, env: Environment): string | undefined {
  if (typeof setting === 'string') return setting
  // A relative one is to be ignored, says the XDG Base Directory Specification.
  const { XDG_STATE_HOME: state, HOME: home = homedir() } = env
  if (state !== undefined && isAbsolute(state)) return join(state, 'dtlto', 'stats.jsonl')
  return isAbsolute(home) ? join(home, '.local', 'state', 'dtlto', 'stats.jsonl') : undefined
}
