import { defineDistributor, type DistributorContext } from 'dtlto/plugin'
import { roomOfLink } from './rooms.js'
import { Distcc } from './distcc.js'
import { findHosts } from './host-sources.js'
import { type OpenOptions, OPTIONS } from './options.js'
import { Server } from './server.js'
import { DEFAULT_TUNING, type Tuning } from './tuning.js'

/** ThinLTO backends on stock distccd servers: `--distribute=distcc,hosts=a/8+b/8`. */
export default defineDistributor({
  name: 'distcc',
  apiVersion: '2.7.0',
  options: OPTIONS,
  compilesWith: () => 'clang',
  open: (context, options) => openDistcc(context, options, DEFAULT_TUNING),
})

/** The servers of a link. Throws DtltoError when none is named. */
export function openDistcc(context: DistributorContext, options: OpenOptions, tuning: Tuning): Distcc {
  const list = findHosts({
    option: options.hosts,
    optionPlace: context.optionPlaces?.['hosts'],
    env: context.env,
  })
  for (const { entry, reason } of list.skipped) {
    context.warn(`host:${entry}`, `'${entry}' in ${list.from} is left out: ${reason}`)
  }
  const major = context.link.llvmVersion.split('.')[0] ?? ''
  const facts = {
    hostsFrom: list.from,
    compiler: options.compiler ?? `clang-${major}`,
    llvmVersion: context.link.llvmVersion,
    statisticsPort: options['stats-port'],
    connectTimeoutMs: options['connect-timeout-ms'],
    jobTimeoutMs: options['job-timeout-ms'],
    probe: options.probe,
    tuning,
    room: roomOfLink(),
    now: () => context.now(),
    onChange: () => context.statusChanged(),
  }
  const servers = list.hosts.map((host) => new Server(host, facts))
  return new Distcc(context, servers, tuning.packedBytes)
}
