import { type OptionsSchema, type OptionValues, wrongIf } from 'dtlto/plugin'
import { parseHosts } from './hosts.js'

export const OPTIONS = {
  hosts: {
    type: 'list',
    description:
      'servers, as in DISTCC_HOSTS: HOST[:PORT][/SLOTS]; default: DISTCC_HOSTS, else ~/.distcc/hosts, else /etc/distcc/hosts',
    check: wrongIf((hosts) => parseHosts(hosts.join('\n'))),
  },
  compiler: {
    type: 'string',
    description: `the compiler's name on the servers; default: clang-N for a linker of LLVM N`,
  },
  'stats-port': {
    type: 'integer',
    description: 'port of the statistics that distccd offers with --stats; 0: do not ask',
    default: 3633,
    min: 0,
    max: 65535,
  },
  'connect-timeout-ms': {
    type: 'integer',
    description: 'how long a server may take to accept a connection, in milliseconds',
    default: 3000,
    min: 1,
  },
  'job-timeout-ms': {
    type: 'integer',
    description:
      'how long a job may take at most, in milliseconds; it is given up earlier if jobs like it were far quicker',
    default: 600_000,
    min: 1,
  },
  probe: {
    type: 'boolean',
    description: 'whether a server must pass a tiny job before it gets real ones: right LLVM version, really ThinLTO',
    default: true,
  },
} as const satisfies OptionsSchema

export type OpenOptions = OptionValues<typeof OPTIONS>
