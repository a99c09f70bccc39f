/** Which machines: the option `hosts`, or the ssh entries of the user's list for distcc. */
import { DtltoError, findHostList, type HostListSources, hostListWords, parseListedHost } from 'dtlto/plugin'

export interface Host {
  /** As shown to people. Unique in a list. */
  readonly name: string
  /** A name that ssh knows, perhaps by ~/.ssh/config, or an address. Never an option. */
  readonly host: string
  readonly user: string | undefined
  readonly port: number | undefined
  /** Undefined when the list does not say: as many as it has processors. */
  readonly slots: number | undefined
  /** Where the list was found that names it. */
  readonly from?: string
}

/** ssh puts both into commands of the user's configuration (ProxyCommand, Match exec), which a shell reads. */
const HOST = /^[\w.:%-]+$/
const USER = /^[\w.+-]+$/

/**
 * Parses a list. `all`: each entry is a machine for ssh. `marked`: only those with @, as in a list for distcc, whose others are servers on TCP. Throws
 * SyntaxError that quotes the entry.
 */
export function parseHosts(text: string, which: 'all' | 'marked'): readonly Host[] {
  const hosts = new Map<string, Host>()
  for (const word of hostListWords(text)) {
    if (word === '--randomize') continue
    const isDirective = word.startsWith('-') || word.startsWith('+')
    if (which === 'marked' && (isDirective || !/^[^[,/:]*@/.test(word))) continue
    const host = parseHost(word)
    // Twice the same machine would be filled twice.
    if (!hosts.has(host.name)) hosts.set(host.name, host)
  }
  return [...hosts.values()]
}

function parseHost(entry: string): Host {
  const listed = parseListedHost(entry)
  const { host, user, slots, command, options } = listed
  if (!HOST.test(host) || (user !== undefined && !USER.test(user)))
    throw new SyntaxError(`expected names of letters, digits and . _ - in a machine for ssh but received '${entry}'`)
  if (listed.isSsh) {
    // The command is distccd's, and its options are those of distcc's protocol. A number can only be meant as ssh's port.
    const port = /^\d+$/.test(command ?? '') ? Number(command) : undefined
    if (port !== undefined && (port < 1 || port > 65535))
      throw new SyntaxError(`expected a port from 1 to 65535 but received '${entry}'`)
    return named({ host, user, port, slots })
  }
  if (options.length > 0) throw new SyntaxError(`expected [USER@]HOST[:PORT][/SLOTS] but received '${entry}'`)
  return named({ host, user, port: listed.port, slots })
}

function named(host: Omit<Host, 'name'>): Host {
  const address = host.port !== undefined && host.host.includes(':') ? `[${host.host}]` : host.host
  const name = `${host.user === undefined ? '' : `${host.user}@`}${address}${host.port === undefined ? '' : `:${host.port}`}`
  return { name, ...host }
}

/** The machines of a link. Throws DtltoError when none is named. */
export function findHosts(sources: HostListSources): readonly Host[] {
  const found = findHostList(sources)
  let hosts: readonly Host[] = []
  try {
    if (found !== undefined) hosts = parseHosts(found.text, sources.option === undefined ? 'marked' : 'all')
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new DtltoError('DTLTO_OPTION_INVALID', `${found?.from ?? ''} cannot be read: ${error.message}`, {
      cause: error,
    })
  }
  const from = found?.from ?? ''
  if (hosts.length > 0) return hosts.map((host) => ({ ...host, from }))
  const where = found === undefined ? 'no machines are named' : `${found.from} names no machine for ssh`
  throw new DtltoError(
    'DTLTO_OPTION_INVALID',
    `${where}; give '--distribute=ssh,hosts=HOST/SLOTS+HOST/SLOTS', or write @HOST/SLOTS into DISTCC_HOSTS or ~/.distcc/hosts`,
  )
}
