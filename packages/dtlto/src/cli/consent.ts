/** `dtlto allow` and `dtlto deny`: the user's consent to code that a found dtlto.toml names (config/consent.ts). */
import { realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { allow, deny, listAllowed } from '../config/consent.js'
import { CONFIG_FILE_NAME, findConfigFile, parseConfig } from '../config/file.js'
import { readTrusted } from '../config/trusted-file.js'
import type { Environment } from '../config/variables.js'
import { BUILT_IN } from '../distributors/locate.js'
import { DtltoError } from '../errors.js'

type Say = (text: string) => void

/** Gives the exit code. */
export async function allowCommand(argv: readonly string[], env: Environment, say: Say): Promise<number> {
  if (argv.length === 1 && argv[0] === '--list') {
    for (const { path, holds } of listAllowed(env))
      say(`${path}${holds ? '' : ' (no longer: the file has changed since)'}\n`)
    return 0
  }
  const path = fileOf(argv, 'allow')
  const file = readTrusted(path)
  if (file === undefined) throw new DtltoError('DTLTO_CONFIG_INVALID', `no such file '${path}'`)
  if ('distrust' in file) {
    const advice = 'mend that, or name the file with --distribute-config'
    throw new DtltoError('DTLTO_CONFIG_INVALID', `'${path}' cannot be allowed: ${file.distrust}; ${advice}`)
  }
  const { settings } = await parseConfig(file.text, file.path)
  allow(file, env)
  const code = (settings.distributors ?? []).map(({ name }) => name).filter((name) => !BUILT_IN.includes(name))
  say(`'${file.path}' may name code to run${code.length > 0 ? `: ${code.join(', ')}` : ''}\n`)
  return 0
}

/** Gives the exit code. */
export function denyCommand(argv: readonly string[], env: Environment, say: Say): number {
  const path = fileOf(argv, 'deny')
  const was = deny(path, env)
  say(`'${path}' ${was ? 'may no longer name' : 'was not allowed to name'} code to run\n`)
  return 0
}

/** The file that is meant, without symbolic links, as consents name it; it need not be there any more. */
function fileOf(argv: readonly string[], command: string): string {
  const [given, ...more] = argv
  if (more.length > 0 || given?.startsWith('-')) {
    throw new DtltoError('DTLTO_OPTION_INVALID', `expected dtlto ${command} [FILE] but received '${argv.join(' ')}'`)
  }
  if (given === undefined) {
    const found = findConfigFile(process.cwd())
    if (found) return found.path
    throw new DtltoError('DTLTO_CONFIG_INVALID', `there is no ${CONFIG_FILE_NAME} from '${process.cwd()}' upwards`)
  }
  const isDirectory = statSync(given, { throwIfNoEntry: false })?.isDirectory() === true
  const path = resolve(isDirectory ? join(given, CONFIG_FILE_NAME) : given)
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
