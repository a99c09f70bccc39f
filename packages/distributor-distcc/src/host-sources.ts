import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DtltoError } from 'dtlto/plugin'
import { type HostList, parseHosts } from './hosts.js'

export interface HostSource extends HostList {
  /** Where the list was found, for messages. */
  readonly from: string
}

export interface HostSourceFacts {
  /** The option `hosts`, one entry each. */
  readonly option: readonly string[] | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Content of a file, or undefined when there is none. */
  readonly readFile?: (path: string) => string | undefined
}

/**
 * The servers to use: the option `hosts`, else DISTCC_HOSTS, else the first of distcc's files that exists:
 * $DISTCC_DIR/hosts (by default ~/.distcc/hosts), /etc/distcc/hosts. Throws DtltoError when nothing names a server.
 */
export function findHosts({ option, env, readFile = readIfThere }: HostSourceFacts): HostSource {
  const found = candidates(option, env, readFile)
  if (found === undefined) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `no distcc servers are named; give '--distribute=distcc,hosts=HOST/SLOTS+HOST/SLOTS', set DISTCC_HOSTS, or write them into ~/.distcc/hosts`,
    )
  }
  let list: HostList
  try {
    list = parseHosts(found.text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new DtltoError('DTLTO_OPTION_INVALID', `${found.from} cannot be read: ${error.message}`, { cause: error })
  }
  if (list.hosts.length === 0) {
    const why = list.skipped.map(({ entry, reason }) => `'${entry}': ${reason}`).join('; ')
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `${found.from} names no distcc server that can be used${why === '' ? '' : `: ${why}`}`,
      { details: { from: found.from, skipped: list.skipped } },
    )
  }
  return { ...list, from: found.from }
}

function candidates(
  option: HostSourceFacts['option'],
  env: HostSourceFacts['env'],
  readFile: (path: string) => string | undefined,
): { readonly text: string; readonly from: string } | undefined {
  if (option !== undefined && option.length > 0) return { text: option.join('\n'), from: `option 'hosts'` }
  const variable = env['DISTCC_HOSTS']
  if (variable !== undefined && variable.trim() !== '') return { text: variable, from: 'DISTCC_HOSTS' }
  const home = env['HOME']
  const directory = env['DISTCC_DIR'] ?? (home === undefined ? undefined : join(home, '.distcc'))
  for (const path of [...(directory === undefined ? [] : [join(directory, 'hosts')]), '/etc/distcc/hosts']) {
    const text = readFile(path)
    // Debian installs a hosts file that holds comments only.
    if (text !== undefined && text.replace(/#.*$/gm, '').trim() !== '') return { text, from: `'${path}'` }
  }
  return undefined
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
