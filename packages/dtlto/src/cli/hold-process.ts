import { readFileSync } from 'node:fs'

type Ending = 'exit' | 'reallyExit' | 'abort' | 'kill' | 'chdir'

/**
 * Plugins share the linker's process, and may neither end it nor move it to another directory: while they run, what would throws. Give the result to be called when the
 * process may end. Native code of a plugin can still end it, and a signal from outside too.
 */
export function holdProcess(): () => void {
  const target = process as unknown as Record<Ending, (...args: unknown[]) => unknown>
  const { exit, reallyExit, abort, kill, chdir } = target
  const originals = { exit, reallyExit, abort, kill, chdir }
  const refuse = (name: Ending) => (): never => {
    throw new Error(`process.${name}() by a distributor: only the linker ends its process`)
  }
  // 0 and negative numbers are groups of processes.
  const own = new Set([process.pid, 0, -1, -ownGroup()])
  const replacements: Record<Ending, (...args: unknown[]) => unknown> = {
    exit: refuse('exit'),
    reallyExit: refuse('reallyExit'),
    abort: refuse('abort'),
    // Paths of lld's are relative to where the linker was started.
    chdir: () => {
      throw new Error(`process.chdir() by a distributor: the link's paths are relative to its directory`)
    },
    kill: (pid, signal) => {
      if (signal !== 0 && own.has(Number(pid))) refuse('kill')()
      return originals.kill.call(process, pid, signal)
    },
  }
  Object.assign(target, replacements)
  return () => {
    Object.assign(target, originals)
  }
}

/** That of this process, which Node does not tell; the process itself if nobody does. proc_pid_stat(5): behind the name are state, parent, group. */
function ownGroup(): number {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
  } catch {
    return process.pid
  }
}
