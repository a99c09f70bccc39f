type Ending = 'exit' | 'reallyExit' | 'abort' | 'kill'

/**
 * Plugins share the linker's process, and may not end it: while they run, what ends a process throws. Give the result to be called when the
 * process may end. Native code of a plugin can still end it, and a signal from outside too.
 */
export function holdProcess(): () => void {
  const target = process as unknown as Record<Ending, (...args: unknown[]) => unknown>
  const originals = { exit: target.exit, reallyExit: target.reallyExit, abort: target.abort, kill: target.kill }
  const refuse = (name: Ending) => (): never => {
    throw new Error(`process.${name}() by a distributor: only the linker ends its process`)
  }
  const replacements: Record<Ending, (...args: unknown[]) => unknown> = {
    exit: refuse('exit'),
    reallyExit: refuse('reallyExit'),
    abort: refuse('abort'),
    kill: (pid, signal) => {
      // 0 and negative numbers are groups of processes, its own among them.
      if (signal !== 0 && (Number(pid) === process.pid || Number(pid) === 0 || Number(pid) === -1)) refuse('kill')()
      return originals.kill.call(process, pid, signal)
    },
  }
  Object.assign(target, replacements)
  return () => {
    Object.assign(target, originals)
  }
}
