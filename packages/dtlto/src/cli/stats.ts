/** `dtlto stats [FILE] [--json] [--reset]`. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { loadSettings } from '../config/load.js'
import type { Environment } from '../config/variables.js'
import { DtltoError } from '../errors.js'
import { addUp, describe } from '../report/link-statistics.js'
import { statisticsFile } from './statistics-file.js'

const FLAGS: readonly string[] = ['--json', '--reset']

export async function statsCommand(
  argv: readonly string[],
  env: Environment,
  write: (text: string) => void,
): Promise<number> {
  const wrong = argv.find((word) => word.startsWith('-') && !FLAGS.includes(word))
  const [named, ...more] = argv.filter((word) => !word.startsWith('-'))
  if (wrong !== undefined || more.length > 0) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `dtlto stats [FILE] [--json] [--reset]: unexpected '${wrong ?? String(more[0])}'`,
    )
  }
  const path = named ?? (await fileOfSettings(env))
  if (path === undefined) {
    throw new DtltoError('DTLTO_OPTION_INVALID', 'neither XDG_STATE_HOME nor HOME names a directory: name the file')
  }
  if (named !== undefined && !existsSync(named)) {
    throw new DtltoError('DTLTO_OPTION_INVALID', `there is no file of statistics '${named}'`)
  }
  const statistics = addUp(existsSync(path) ? readFileSync(path, 'utf8') : '')
  write(argv.includes('--json') ? `${JSON.stringify(statistics)}\n` : describe(statistics))
  // Only what is certainly such a file goes; what a link appends between the two is lost.
  if (!argv.includes('--reset')) return 0
  if (statistics.damaged > 0 && statistics.total.links === 0) {
    throw new DtltoError('DTLTO_OPTION_INVALID', `'${path}' is no file of statistics, and is left as it is`)
  }
  rmSync(path, { force: true })
  return 0
}

/** The file that links of this directory and environment write. */
async function fileOfSettings(env: Environment): Promise<string | undefined> {
  const sources = { commandLine: {}, configFile: undefined, env, workingDirectory: process.cwd() }
  const { stats } = await loadSettings({ ...sources, warn: () => undefined })
  return statisticsFile(stats, env)
}
