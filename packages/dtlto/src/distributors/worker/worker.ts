/**
 * `worker`: every job in a process of dtlto-codegen, made from the job's bytes alone. Processes are started when there are jobs, serve many of
 * them, and get each module once. By default they are processes of this machine: a compiler that crashes costs one job a second try in the
 * linker's process, where the user then reads lld's own message; it does not cost the link. With `command` they are wherever the command
 * leads: `ssh host dtlto-codegen --serve`.
 */
import { hash } from 'node:crypto'
import { basename } from 'node:path'
import { MEMORY_OPTION, parseMemory } from '../../slots/memory-option.js'
import { SharedSlots } from '../../slots/shared-slots.js'
import { defineDistributor } from '../define.js'
import { type CompileResult, type Distributor, PLUGIN_API_VERSION } from '../interface.js'
import { wasKilled } from './worker-process.js'
import { WorkerProcesses } from './worker-processes.js'
import { ownWorker, workerCommand } from './worker-program.js'

/** Workers that a command starts: their machine is not known, so no more than the user says. */
const COMMAND_SLOTS = 1

export const worker = defineDistributor({
  name: 'worker',
  apiVersion: PLUGIN_API_VERSION,
  integrity: 'end-to-end', // answers hold the digest that dtlto-codegen made
  compilesWith: () => 'dtlto-codegen',
  options: {
    slots: {
      type: 'integer',
      min: 1,
      max: 4096,
      description: 'Processes; default: as many as lld would run jobs, with `command` 1',
    },
    share: {
      type: 'boolean',
      default: true,
      description: 'Leave cores to others: take the tokens of a GNU make jobserver, or else an even share among links',
    },
    memory: MEMORY_OPTION,
    command: {
      type: 'string',
      runsCode: true,
      check: (command) => (command.trim() === '' ? 'expected a command, got none' : undefined),
      description:
        'A line for the shell whose far end is `dtlto-codegen --serve`, on any machine; default: processes of this machine',
    },
  },
  open(context, { command, memory, ...options }) {
    const processes = new WorkerProcesses(command === undefined ? ownWorker() : workerCommand(command), {
      llvmVersion: context.link.llvmVersion,
      now: () => context.now(),
      onFewer: (most, why) => {
        context.warn('fewer', `only ${String(most)} worker processes: ${why}`)
        context.statusChanged()
      },
    })
    if (command !== undefined) return elsewhere(command, options.slots ?? COMMAND_SLOTS, processes)
    const slots = new SharedSlots({
      ...options,
      lldSlots: () => context.localSlots(),
      hasThreadPool: false,
      memory: parseMemory(memory) ?? 'auto',
      pids: () => processes.pids(),
      wasKilled,
      env: context.env,
      now: () => context.now(),
      debug: (message) => context.debug(message),
      onChange: () => context.statusChanged(),
    })
    const running = new Running()
    return {
      endpoints: () => [
        {
          id: 'worker',
          slots: Math.min(slots.slots, processes.most),
          accepting: true,
          speed: 1,
          latencyMs: 0,
          ...(slots.text === undefined ? {} : { text: slots.text }),
        },
      ],
      prepare: (jobs) => {
        slots.prepare(jobs.length)
        return Promise.resolve()
      },
      compile: (job, _endpoint, attempt) => {
        const { signal } = attempt
        // Nothing goes over a wire.
        attempt.sent?.()
        return running.add(slots.run(job, signal, () => processes.compile(job, signal, () => undefined)))
      },
      close: async () => {
        await running.end()
        slots.close()
        processes.close()
      },
      destroy: () => {
        slots.close()
        processes.destroy()
      },
    }
  },
})

/** Workers that a command starts. It may wait for a machine, and for a line: a job begins when a worker has answered and taken all of it. */
function elsewhere(command: string, slots: number, processes: WorkerProcesses): Distributor {
  const running = new Running()
  const id = nameOf(command)
  return {
    endpoints: () => [{ id, slots: Math.min(slots, processes.most), accepting: true, hasQueue: true }],
    probe: (_endpoint, signal) => processes.probe(signal),
    compile: (job, _endpoint, attempt) => running.add(processes.compile(job, attempt.signal, () => attempt.started())),
    close: async () => {
      await running.end()
      processes.close()
    },
    destroy: () => processes.destroy(),
  }
}

/** For reports and messages, which may be passed around: a command may have a password or a token anywhere. The same command has the same name. */
function nameOf(command: string): string {
  const program = basename(command.trim().split(/\s/, 1)[0] ?? '')
  return `${/^[\w.+-]+$/.test(program) ? program : 'command'} (${hash('sha256', command, 'hex').slice(0, 6)})`
}

/** Compiles that have not ended. */
class Running {
  readonly #all = new Set<Promise<CompileResult>>()

  add(result: Promise<CompileResult>): Promise<CompileResult> {
    const ended = result.finally(() => this.#all.delete(ended))
    this.#all.add(ended)
    return ended
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#all)
  }
}
