/** `dtlto COMMAND`: everything that is not a link. */
import { native } from '@dtlto/native'
import { didYouMean } from '../config/nearest.js'
import { DtltoError } from '../errors.js'
import { COMMAND_NAMES, commandLines } from './commands.js'
import { allowCommand, denyCommand } from './consent.js'
import { doctor } from './doctor/doctor.js'
import { ownHelp } from './own-options.js'
import { planCommand } from './plan.js'
import { PROGRAM_NAMES } from './programs.js'
import { reportCommand } from './report.js'
import { statsCommand } from './stats.js'

export type Write = (fd: 1 | 2, text: string) => void

const USAGE = `dtlto: distributed ThinLTO inside lld

  clang -flto=thin -fuse-ld=dtlto -Wl,--distribute=NAME ...   links; the linkers are
                                                             ${PROGRAM_NAMES.join(', ')}
${commandLines()}
`

/** Gives the exit code. */
export async function tool(argv: readonly string[], write: Write): Promise<number> {
  const [command, ...rest] = argv
  if (command !== undefined && COMMAND_NAMES.includes(command) && rest[0] === '--help') {
    write(1, `${commandLines(command)}\n`)
    return 0
  }
  switch (command) {
    case 'doctor':
      return await doctor(rest, (text) => write(1, text))
    case 'allow':
      return allowCommand(rest, process.env, (text) => write(1, text))
    case 'deny':
      return denyCommand(rest, process.env, (text) => write(1, text))
    case 'report':
      return await reportCommand(rest, (text) => write(1, text))
    case 'plan':
      return await planCommand(rest, (text) => write(1, text))
    case 'stats':
      return await statsCommand(rest, process.env, (text) => write(1, text))
    case 'version':
    case '--version':
    case '-v':
      write(1, `dtlto ${native().version} (LLVM ${native().llvmVersion})\n`)
      return 0
    case 'help':
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
        `unknown command '${command}': expected ${COMMAND_NAMES.join(', ')}; for a link start ld.dtlto${didYouMean(command, COMMAND_NAMES)}`,
      )
  }
}
