/** `dtlto COMMAND`: everything that is not a link. */
import { native } from '@dtlto/native'
import { didYouMean } from '../config/nearest.js'
import { DtltoError } from '../errors.js'
import { allowCommand, denyCommand } from './consent.js'
import { doctor } from './doctor/doctor.js'
import { ownHelp } from './own-options.js'
import { PROGRAM_NAMES } from './programs.js'

export type Write = (fd: 1 | 2, text: string) => void

const USAGE = `dtlto: distributed ThinLTO inside lld

  clang -flto=thin -fuse-ld=dtlto -Wl,--distribute=NAME ...   links; the linkers are
                                                             ${PROGRAM_NAMES.join(', ')}
  dtlto doctor [--distribute=NAME,... ...]   finds out what is wrong with the installation, the settings and
                                             the distributors, and says how to mend it
  dtlto allow [FILE]                         lets a dtlto.toml that links find (by default the nearest) name code to run;
                                             as it is now: a change needs this again
  dtlto allow --list                         shows what was allowed
  dtlto deny [FILE]                          takes that back
  dtlto --version
  dtlto --help
`

const COMMANDS = ['doctor', 'allow', 'deny', '--version', '--help']

/** Gives the exit code. */
export async function tool(argv: readonly string[], write: Write): Promise<number> {
  const [command, ...rest] = argv
  switch (command) {
    case 'doctor':
      return await doctor(rest, (text) => write(1, text))
    case 'allow':
      return allowCommand(rest, process.env, (text) => write(1, text))
    case 'deny':
      return denyCommand(rest, process.env, (text) => write(1, text))
    case '--version':
    case '-v':
      write(1, `dtlto ${native().version} (LLVM ${native().llvmVersion})\n`)
      return 0
    case '--help':
    case '-h':
      write(1, `${USAGE}${ownHelp(false)}`)
      return 0
    case undefined:
      write(2, USAGE)
      return 1
    default:
      throw new DtltoError(
        'DTLTO_OPTION_INVALID',
        `unknown command '${command}': expected ${COMMANDS.join(', ')}; for a link start ld.dtlto${didYouMean(command, COMMANDS)}`,
      )
  }
}
