import { DtltoError, findHostList, type HostListSources } from 'dtlto/plugin'
import { type HostList, parseHosts } from './hosts.js'

export interface HostSource extends HostList {
  /** Where the list was found, for messages. */
  readonly from: string
}

/**
 * The servers to use: the option `hosts`, else DISTCC_HOSTS, else the first of distcc's files that exists:
 * $DISTCC_DIR/hosts (by default ~/.distcc/hosts), /etc/distcc/hosts. Throws DtltoError when nothing names a server.
 */
export function findHosts(sources: HostListSources): HostSource {
  const found = findHostList(sources)
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
