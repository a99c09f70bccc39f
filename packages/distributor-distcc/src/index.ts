import { defineDistributor, type DistributorContext } from 'dtlto/plugin'
import { roomOfLink } from './byte-budget.js'
import { Farm } from './farm.js'
import { findHosts } from './host-sources.js'
import { type OpenOptions, OPTIONS } from './options.js'
import { Server } from './server.js'
import { DEFAULT_TUNING, type Tuning } from './tuning.js'

/** ThinLTO backends on stock distccd servers: `--distribute=distcc,hosts=a/8+b/8`. */
export default defineDistributor({
  name: 'distcc',
  apiVersion: '1.0.0',
  options: OPTIONS,
  open: (context, options) => openFarm(context, options, DEFAULT_TUNING),
})

/** Opens the servers of a link; they are probed in the background. Throws DtltoError when none is named. */
export function openFarm(context: DistributorContext, options: OpenOptions, tuning: Tuning): Farm {
  const list = findHosts({ option: options.hosts, env: context.env })
  for (const { entry, reason } of list.skipped) {
    context.warn(`host:${entry}`, `'${entry}' in ${list.from} is left out: ${reason}`)
  }
  const major = context.link.llvmVersion.split('.')[0] ?? ''
  const room = roomOfLink()
  const makeServers = (onChange: () => void): Server[] =>
    list.hosts.map(
      (host) =>
        new Server(host, {
          compiler: options.compiler ?? `clang-${major}`,
          llvmVersion: context.link.llvmVersion,
          statisticsPort: options['stats-port'],
          connectTimeoutMs: options['connect-timeout-ms'],
          probe: options.probe,
          tuning,
          room,
          now: () => context.now(),
          onChange,
          warn: (kind, message) => context.warn(kind, message),
          debug: (message) => context.debug(message),
        }),
    )
  return new Farm(context, makeServers, tuning, options['job-timeout-ms'])
}
