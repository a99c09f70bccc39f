/** The process's own, which plugins do not have while they run (cli/hold-process.ts). */
const kill = process.kill.bind(process)

/** Signals that end a build, and a process that does not listen to them. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Calls `run`, synchronously, when the process ends by process.exit or by one of these signals. A signal still ends the process, by that signal,
 * unless the program listens to it, too: then that is its decision. Returns how to stop.
 */
export function atProcessEnd(run: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    run()
    stop()
    if (process.listenerCount(signal) === 0) kill(process.pid, signal)
  }
  const stop = (): void => {
    process.off('exit', run)
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
  process.on('exit', run)
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return stop
}
