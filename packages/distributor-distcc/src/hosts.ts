/**
 * Server lists in the syntax of distcc's DISTCC_HOSTS and hosts files (distcc(1), HOST SPECIFICATIONS):
 *
 *   HOST[:PORT][/SLOTS][,OPTION…]   HOST is a name, an IPv4 address, or an IPv6 address in brackets
 *
 * separated by blanks, with comments from # to the end of the line. `:PORT` may also follow `/SLOTS`, as of old. All of
 * distcc's syntax is understood; what names no TCP server is left out, with the reason. One option is ours:
 * `compiler=NAME`, the compiler's name on that server.
 */

export const DEFAULT_PORT = 3632
/** More slots than this are believed of no server. */
export const MOST_SLOTS = 1024
/** Jobs at a time on a server that says nothing else, as in distcc. */
export const DEFAULT_SLOTS = 4

export interface Host {
  /** As shown to people: host, and the port unless it is the usual one. Unique in a list. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Undefined when the list does not say. */
  readonly slots: number | undefined
  readonly compiler: string | undefined
}

export interface HostList {
  readonly hosts: readonly Host[]
  /** Entries that name no server for dtlto, each with the reason. */
  readonly skipped: readonly { readonly entry: string; readonly reason: string }[]
}

/** Parses a list. Throws SyntaxError that quotes the entry which cannot be read. */
export function parseHosts(text: string): HostList {
  const hosts = new Map<string, Host>()
  const skipped: { entry: string; reason: string }[] = []
  for (const entry of text
    .replace(/#.*$/gm, '')
    .split(/\s+/)
    .filter((word) => word !== '')) {
    // The order of servers means nothing here anyway.
    if (entry === '--randomize') continue
    const reason = whyNoServer(entry)
    if (reason !== undefined) {
      skipped.push({ entry, reason })
      continue
    }
    const host = parseHost(entry)
    const before = hosts.get(host.name)
    // Twice the same server would be filled twice: its slots are one count.
    if (before === undefined) hosts.set(host.name, host)
    else skipped.push({ entry, reason: `'${host.name}' is listed before` })
  }
  return { hosts: [...hosts.values()], skipped }
}

function whyNoServer(entry: string): string | undefined {
  if (/^--localslots(_cpp)?=\d+$/.test(entry)) return `the distributor 'local' decides about slots on this machine`
  if (/^localhost(\/\d+)?$/.test(entry)) {
    return `in distcc it means this machine without a server: that is the distributor 'local'. Write 127.0.0.1 for a distccd on it`
  }
  if (entry === '+zeroconf') return 'servers are not looked for by Zeroconf: name them'
  if (/^[^[,/:]*@/.test(entry)) return 'servers over ssh are not supported: name a distccd that listens on TCP'
  if (/,auth\b/.test(entry)) return 'GSS-API authentication is not supported'
  return undefined
}

const ENTRY = /^(?:\[(?<v6>[0-9a-fA-F:.%\w]+)\]|(?<name>[^\s:/,[\]@]+))(?<tail>(?:[:/]\d+)*)(?<options>(?:,[^,\s]*)*)$/

function parseHost(entry: string): Host {
  const groups = ENTRY.exec(entry)?.groups
  if (groups === undefined) throw bad(entry, 'HOST[:PORT][/SLOTS][,OPTION]')
  const host = groups['v6'] ?? groups['name'] ?? ''
  if (host.startsWith('-') || host.startsWith('+')) throw bad(entry, 'HOST[:PORT][/SLOTS][,OPTION]')
  const tail = groups['tail'] ?? ''
  const ports = [...tail.matchAll(/:(\d+)/g)].map((m) => Number(m[1]))
  const limits = [...tail.matchAll(/\/(\d+)/g)].map((m) => Number(m[1]))
  if (ports.length > 1 || limits.length > 1) throw bad(entry, 'at most one port and one number of slots')
  const port = ports[0] ?? DEFAULT_PORT
  if (port < 1 || port > 65535) throw bad(entry, 'a port from 1 to 65535')
  const slots = limits[0]
  if (slots !== undefined && (slots < 1 || slots > MOST_SLOTS)) throw bad(entry, `from 1 to ${MOST_SLOTS} slots`)

  let compiler: string | undefined
  for (const option of (groups['options'] ?? '').split(',').slice(1)) {
    const named = /^compiler=([\w.+-]+)$/.exec(option)
    if (named !== null) compiler = named[1]
    // The protocol that carries several files always compresses, and "cpp" is how distcc asks for that protocol.
    else if (option !== 'lzo' && option !== 'cpp') throw bad(entry, `the options lzo, cpp and compiler=NAME`)
  }
  const shown = groups['v6'] === undefined ? host : `[${host}]`
  return { name: port === DEFAULT_PORT ? shown : `${shown}:${port}`, host, port, slots, compiler }
}

function bad(entry: string, expected: string): SyntaxError {
  return new SyntaxError(`expected ${expected} but received '${entry}'`)
}
