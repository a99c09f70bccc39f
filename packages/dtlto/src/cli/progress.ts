/**
 * Where progress is shown. On a terminal only while this link's group of processes has it: a job in the background that writes may be stopped by the
 * terminal (`stty tostop`), and disturbs whoever is in front. Of several links at one terminal, as of `make -j`, one draws at a time.
 */
import { fstatSync, readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Settings } from '../config/settings.js'
import type { Environment } from '../config/variables.js'
import type { LinkListener } from '../link/events.js'
import { progressLine, progressLog } from '../report/progress.js'

export function progressFor(
  setting: Settings['progress'],
  env: Environment,
  program: string,
  write: (text: string) => void,
): LinkListener | undefined {
  if (setting === 'off') return undefined
  if (isTerminal(env)) {
    const turn = new Turn()
    return progressLine({
      write,
      columns: () => process.stderr.columns || 80,
      mayDraw: () => isInForeground() && turn.isOurs(),
      done: () => turn.end(),
    })
  }
  return setting === 'on' || isContinuousIntegration(env) ? progressLog(write, program) : undefined
}

/** One that understands escape sequences. Merely asking Node for its stderr costs start-up time. `bigint`: load.ts says why. */
function isTerminal(env: Environment): boolean {
  return env['TERM'] !== 'dumb' && fstatSync(2, { bigint: true }).isCharacterDevice() && process.stderr.isTTY
}

/** As all known services set it. */
function isContinuousIntegration({ CI }: Environment): boolean {
  return CI !== undefined && CI !== '' && CI !== 'false' && CI !== '0'
}

/** Whether the terminal's group of processes is ours: fields of proc_pid_stat(5). What cannot be read holds nobody back. */
function isInForeground(): boolean {
  try {
    // The name of the program is in parentheses, and may hold anything.
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\)/s, '').trim().split(' ')
    return foreground === '-1' || group === foreground
  } catch {
    return true
  }
}

/**
 * Whose line it is: that of who listens at a name made of the terminal and the user. Such a name is no file (an abstract socket of Linux), and is free again when its
 * process ends, however that ends.
 */
class Turn {
  #server: Server | undefined
  #state: 'none' | 'asked' | 'ours' | 'over' = 'none'

  /** Asks, if nobody has; the answer comes later. */
  isOurs(): boolean {
    if (this.#state === 'none') {
      this.#state = 'asked'
      void this.#ask()
    }
    return this.#state === 'ours'
  }

  end(): void {
    this.#state = 'over'
    this.#server?.close()
  }

  async #ask(): Promise<void> {
    const { createServer } = await import('node:net')
    const server = createServer((socket) => socket.destroy())
    const name = `\0dtlto-progress-${String(process.getuid?.() ?? 0)}-${String(fstatSync(2).rdev)}`
    server.on('error', () => {
      if (this.#state === 'asked') this.#state = 'none' // somebody else's; asked again at the next drawing
    })
    server.listen(name, () => {
      if (this.#state === 'asked') this.#state = 'ours'
      else server.close()
    })
    server.unref()
    this.#server = server
  }
}
