/**
 * Lists of machines in the syntax of distcc's DISTCC_HOSTS and hosts files (distcc(1), HOST SPECIFICATIONS), separated by blanks, with comments from #
 * to the end of the line:
 *
 *   HOST[:PORT][/SLOTS][,OPTION…]              a server that listens on TCP
 *   [USER]@HOST[/SLOTS][:COMMAND][,OPTION…]    a machine that is reached over ssh
 *
 * HOST is a name, an IPv4 address, or an IPv6 address in brackets. `:PORT` may also follow `/SLOTS`, as of old. What an entry means is the distributor's
 * business, and so are words that begin with `-` or `+`, distcc's own directives.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** More slots than this are believed of no machine. */
const MOST_SLOTS = 1024

export interface ListedHost {
  /** As written. */
  readonly entry: string
  readonly isSsh: boolean
  readonly user: string | undefined
  /** Without brackets. */
  readonly host: string
  readonly port: number | undefined
  readonly slots: number | undefined
  /** Of an ssh entry: the program to start there. */
  readonly command: string | undefined
  /** `lzo`, `compiler=clang-22`, … */
  readonly options: readonly string[]
}

/** The words of a list. */
export function hostListWords(text: string): readonly string[] {
  return text
    .replace(/#.*$/gm, '')
    .split(/\s+/)
    .filter((word) => word !== '')
}

const HOST = String.raw`(?:\[(?<v6>[0-9a-fA-F:.%\w]+)\]|(?<name>[^\s:/,[\]@+-][^\s:/,[\]@]*))`
const TCP = new RegExp(`^${HOST}(?<tail>(?:[:/]\\d+)*)(?<options>(?:,[^,\\s]*)*)$`)
const SSH = new RegExp(
  `^(?<user>[^\\s:/,[\\]@+-][^\\s:/,[\\]@]*)?@${HOST}(?<tail>(?:/\\d+)*)(?::(?<command>[^,\\s]*))?(?<options>(?:,[^,\\s]*)*)$`,
)

/** Parses one entry. Throws SyntaxError. */
export function parseListedHost(entry: string): ListedHost {
  const isSsh = /^[^[,/:]*@/.test(entry)
  const expected = isSsh ? '[USER]@HOST[/SLOTS][:COMMAND][,OPTION]' : 'HOST[:PORT][/SLOTS][,OPTION]'
  const groups = (isSsh ? SSH : TCP).exec(entry)?.groups
  if (groups === undefined) throw bad(entry, expected)
  const tail = groups['tail'] ?? ''
  const ports = [...tail.matchAll(/:(\d+)/g)].map((m) => Number(m[1]))
  const limits = [...tail.matchAll(/\/(\d+)/g)].map((m) => Number(m[1]))
  if (ports.length > 1 || limits.length > 1) throw bad(entry, 'at most one port and one number of slots')
  const [port, slots] = [ports[0], limits[0]]
  if (port !== undefined && (port < 1 || port > 65535)) throw bad(entry, 'a port from 1 to 65535')
  if (slots !== undefined && (slots < 1 || slots > MOST_SLOTS))
    throw bad(entry, `from 1 to ${String(MOST_SLOTS)} slots`)
  return {
    entry,
    isSsh,
    user: groups['user'],
    host: groups['v6'] ?? groups['name'] ?? '',
    port,
    slots,
    command: groups['command'],
    options: (groups['options'] ?? '').split(',').slice(1),
  }
}

function bad(entry: string, expected: string): SyntaxError {
  return new SyntaxError(`expected ${expected} but received '${entry}'`)
}

export interface HostListText {
  readonly text: string
  /** Where it was found, for messages. */
  readonly from: string
}

export interface HostListSources {
  /** The distributor's option, one entry each. */
  readonly option: readonly string[] | undefined
  /** Where the user wrote it. */
  readonly optionPlace?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Content of a file, or undefined when there is none. */
  readonly readFile?: ((path: string) => string | undefined) | undefined
}

/**
 * The list that a user of distcc has: the option `hosts`, else DISTCC_HOSTS, else the first of distcc's files that names anything: $DISTCC_DIR/hosts (by
 * default ~/.distcc/hosts), /etc/distcc/hosts. Undefined when there is none.
 */
export function findHostList({
  option,
  optionPlace,
  env,
  readFile = readIfThere,
}: HostListSources): HostListText | undefined {
  if (option !== undefined && option.length > 0)
    return { text: option.join('\n'), from: optionPlace ?? `option 'hosts'` }
  const variable = env['DISTCC_HOSTS']
  if (variable !== undefined && variable.trim() !== '') return { text: variable, from: 'DISTCC_HOSTS' }
  const home = env['HOME']
  const directory = env['DISTCC_DIR'] ?? (home === undefined ? undefined : join(home, '.distcc'))
  for (const path of [...(directory === undefined ? [] : [join(directory, 'hosts')]), '/etc/distcc/hosts']) {
    const text = readFile(path)
    // Debian installs a hosts file that holds comments only.
    if (text !== undefined && hostListWords(text).length > 0) return { text, from: `'${path}'` }
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
