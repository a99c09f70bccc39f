/** What a worker process is: dtlto-codegen of this installation, or a command of the user's whose far end is one. */
import { codegenProgram } from '@dtlto/native'

export interface WorkerProgram {
  /** For messages. */
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  /** Its bytes cross a wire, and it needs time to start. */
  readonly isElsewhere: boolean
}

export function ownWorker(): WorkerProgram {
  const file = codegenProgram()
  return { name: `'${file}'`, file, args: ['--serve'], isElsewhere: false }
}

/** `command`: a line for the shell, as ProxyCommand of ssh is one. */
export function workerCommand(command: string): WorkerProgram {
  return { name: `'${command}'`, file: '/bin/sh', args: ['-c', command], isElsewhere: true }
}
