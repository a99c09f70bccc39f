/** Everything that makes a distributor of a link's options. */
import { setMaxListeners } from 'node:events'
import type { Distributor, DistributorContext } from 'dtlto/plugin'
import { findHosts } from './hosts.js'
import { Machine, machineOf } from './machine.js'
import type { OpenOptions } from './options.js'
import { findClient, type SshClient } from './ssh-process.js'
import { type Toolchain, toolchainOf } from './toolchain.js'
import { DEFAULT_TUNING, type Tuning } from './tuning.js'

/** Throws DtltoError when no machine is named. */
export function openSsh(
  context: DistributorContext,
  options: OpenOptions,
  tuning: Tuning = DEFAULT_TUNING,
): Distributor {
  const { env } = context
  let toolchain: Promise<Toolchain> | undefined
  let client: Promise<SshClient> | undefined
  const machines = findHosts({ option: options.hosts, optionPlace: context.optionPlaces?.['hosts'], env }).map(
    (host) =>
      new Machine(host, {
        env,
        tuning,
        connectTimeoutMs: options['connect-timeout-ms'],
        cache: options.cache,
        client: () => (client ??= findClient(env)),
        toolchain: () => (toolchain ??= toolchainOf(env)),
        now: () => context.now(),
        onChange: () => context.statusChanged(),
        debug: (message) => context.debug(message),
      }),
  )
  const running = new Set<Promise<unknown>>()
  const destroy = (): void => {
    for (const machine of machines) machine.destroy()
  }
  setMaxListeners(0, context.signal)
  if (context.signal.aborted) destroy()
  else context.signal.addEventListener('abort', destroy, { once: true })
  for (const machine of machines) machine.begin()
  return {
    endpoints: () => machines,
    probe: (endpoint, signal) => machineOf(machines, endpoint).probe(signal),
    compile: (job, endpoint, attempt) => {
      // A job's signal has several listeners: that is no leak, and nothing may be printed in the middle of a link.
      setMaxListeners(0, attempt.signal)
      const compiled = machineOf(machines, endpoint).compile(job, attempt)
      const watched: Promise<unknown> = compiled.catch(() => undefined).finally(() => running.delete(watched))
      running.add(watched)
      return compiled
    },
    selfCheck: async (signal) => {
      const found = await Promise.all(machines.map((machine) => machine.examine(signal)))
      // Links go on with those that work.
      const isUsable = found.some(({ level }) => level === 'good')
      return found.map((check) => (check.level === 'bad' && isUsable ? { ...check, level: 'warning' as const } : check))
    },
    close: async () => {
      while (running.size > 0) await Promise.all(running)
      context.signal.removeEventListener('abort', destroy)
      for (const { id, traffic } of machines) context.debug(`ssh: ${traffic.sentBytes} bytes of jobs sent to '${id}'`)
      for (const machine of machines) machine.close()
    },
    destroy: () => {
      context.signal.removeEventListener('abort', destroy)
      destroy()
    },
  }
}
