/**
 * `worker`: this machine, but every job in another process, dtlto-codegen, made from the job's bytes alone. A compiler that crashes costs one job a
 * second try in the linker's process, where the user then reads lld's own message; it does not cost the link. Processes are started when there are
 * jobs, serve many of them, and get each module once.
 */
import { DtltoError } from '../../errors.js'
import { SharedSlots } from '../../slots/shared-slots.js'
import { codegenResult } from '../codegen/message.js'
import { defineDistributor } from '../define.js'
import { type BackendJob, type CompileResult, PLUGIN_API_VERSION } from '../interface.js'
import { CannotStart, WorkerProcess } from './worker-process.js'

export const worker = defineDistributor({
  name: 'worker',
  apiVersion: PLUGIN_API_VERSION,
  integrity: 'end-to-end',
  options: {
    slots: { type: 'integer', min: 1, max: 4096, description: 'Processes; default: as many as lld would run jobs' },
    share: {
      type: 'boolean',
      default: true,
      description: 'Leave cores to others: take the tokens of a GNU make jobserver, or else an even share among links',
    },
  },
  open(context, options) {
    const slots = new SharedSlots({
      ...options,
      lldSlots: () => context.localSlots(),
      hasThreadPool: false,
      env: context.env,
      now: () => context.now(),
      debug: (message) => context.debug(message),
      onChange: () => context.statusChanged(),
    })
    const processes = new Processes((most, why) => {
      context.warn('fewer', `only ${String(most)} worker processes: ${why}`)
      context.statusChanged()
    })
    const running = new Set<Promise<unknown>>()
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
      compile: (job, _endpoint, { signal }) => {
        const result = slots
          .run(signal, () => processes.compile(job, signal, () => context.now()))
          .finally(() => running.delete(result))
        running.add(result)
        return result
      },
      close: async () => {
        await Promise.allSettled(running)
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

/** The processes of one link. */
class Processes {
  /** More cannot be started: threads, descriptors or memory are used up. */
  most = Infinity
  readonly #onFewer: (most: number, why: string) => void
  readonly #idle: WorkerProcess[] = []
  readonly #all = new Set<WorkerProcess>()
  readonly #waiting: (() => void)[] = []

  constructor(onFewer: (most: number, why: string) => void) {
    this.#onFewer = onFewer
  }

  async compile(job: BackendJob, signal: AbortSignal, now: () => number): Promise<CompileResult> {
    const packed = await job.package()
    if (packed.kind === 'cannot') return packed
    const process = await this.#take(signal)
    const stop = (): void => process.kill()
    signal.addEventListener('abort', stop, { once: true })
    const startedMs = now()
    try {
      const answer = await process.compile(packed)
      this.#idle.push(process)
      return codegenResult(answer, job.moduleId, packed, { compileMs: now() - startedMs })
    } finally {
      signal.removeEventListener('abort', stop)
      if (!process.alive) this.#all.delete(process)
      this.#waiting.shift()?.()
    }
  }

  /** Nothing is compiled any more: idle processes end by themselves. */
  close(): void {
    for (const process of this.#all) process.close()
    this.#all.clear()
  }

  destroy(): void {
    for (const process of this.#all) process.kill()
    this.#all.clear()
  }

  /** An idle process, or a new one; where no more can be started, the next that is idle. */
  async #take(signal: AbortSignal): Promise<WorkerProcess> {
    for (;;) {
      signal.throwIfAborted()
      for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) if (idle.alive) return idle
      if (this.#all.size < this.most) {
        try {
          const process = await WorkerProcess.start()
          this.#all.add(process)
          return process
        } catch (error) {
          if (!(error instanceof CannotStart) || !error.isShortage) throw error
          if (this.#all.size === 0)
            throw new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', error.message, { cause: error })
          this.most = this.#all.size
          this.#onFewer(this.most, error.message)
        }
      } else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }
}
