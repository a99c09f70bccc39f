/**
 * Server lists of distcc: those entries of a list (dtlto's host-list.ts has the syntax) that name a distccd on TCP. What names none is left out, with
 * the reason. One option is ours: `compiler=NAME`, the compiler's name on that server.
 */
import { hostListWords, parseListedHost } from 'dtlto/plugin'

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
  for (const entry of hostListWords(text)) {
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
  if (/^[^[,/:]*@/.test(entry))
    return `machines over ssh are for the distributor 'ssh': --distribute=ssh takes them from the same list`
  if (/,auth\b/.test(entry)) return 'GSS-API authentication is not supported'
  return undefined
}

function parseHost(entry: string): Host {
  const { host, port = DEFAULT_PORT, slots, options } = parseListedHost(entry)
  let compiler: string | undefined
  for (const option of options) {
    const named = /^compiler=([\w.+-]+)$/.exec(option)
    if (named !== null) compiler = named[1]
    // The protocol that carries several files always compresses, and "cpp" is how distcc asks for that protocol.
    else if (option !== 'lzo' && option !== 'cpp')
      throw new SyntaxError(`expected the options lzo, cpp and compiler=NAME but received '${entry}'`)
  }
  const shown = host.includes(':') ? `[${host}]` : host
  return { name: port === DEFAULT_PORT ? shown : `${shown}:${port}`, host, port, slots, compiler }
}
