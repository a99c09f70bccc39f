import { type OptionsSchema, type OptionValues, wrongIf } from 'dtlto/plugin'
import { parseHosts } from './hosts.js'

export const OPTIONS = {
  hosts: {
    type: 'list',
    description:
      'machines: [USER@]HOST[:PORT][/SLOTS], HOST as in ~/.ssh/config; default: the entries with @ of DISTCC_HOSTS, else of ~/.distcc/hosts, else of /etc/distcc/hosts',
    check: wrongIf((hosts) => parseHosts(hosts.join('\n'), 'all')),
  },
  cache: {
    type: 'string',
    description:
      'the directory on the machines in which dtlto-codegen is kept (in dtlto-toolchain there), absolute or from the home directory; default: ${XDG_CACHE_HOME:-~/.cache}/dtlto/toolchain',
    check: (path) => (/[\n\r\0]/.test(path) || path.trim() === '' ? 'expected a path of one line' : undefined),
  },
  'connect-timeout-ms': {
    type: 'integer',
    description: 'how long ssh may take to connect, in milliseconds; it counts in seconds',
    default: 8000,
    min: 1000,
    max: 600_000,
  },
} as const satisfies OptionsSchema

export type OpenOptions = OptionValues<typeof OPTIONS>
