/**
 * Home: compiling in this process. Each job runs on a native thread exactly as lld's own backend would run it, into lld's hands, so nothing is
 * serialised, copied or started. `--distribute=local` says that this machine takes part; without it it is the last resort.
 */
import { performance } from 'node:perf_hooks'
import { native } from '@dtlto/native'
import type { BackendJob, OptionValues } from '../distributors/interface.js'
import type { Home, HomeResult } from '../scheduler/home.js'
import { MEMORY_OPTION, parseMemory } from '../slots/memory-option.js'
import { SharedSlots } from '../slots/shared-slots.js'
import type { LinkSession } from './session.js'

/** The options of `--distribute=local`. `isolate=process` is the older spelling of `--distribute=worker`. */
export const HOME_OPTIONS = {
  slots: { type: 'integer', min: 1, max: 4096, description: 'Jobs at a time; default: as many as lld would run' },
  isolate: {
    type: 'string',
    choices: ['none', 'process'],
    default: 'none',
    description: 'process: the same as --distribute=worker, jobs in processes of their own',
  },
  share: {
    type: 'boolean',
    default: true,
    description: 'Leave cores to others: take the tokens of a GNU make jobserver, or else an even share among links',
  },
  memory: MEMORY_OPTION,
} as const

export type HomeOptions = Pick<OptionValues<typeof HOME_OPTIONS>, 'slots' | 'share' | 'memory'>

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly debug: (message: string) => void
  /** Of earlier links: see SharedSlots. */
  readonly memoryFactor?: number | undefined
  /** Somebody wants to know what was compiled here: called before the scheduler hears of it. */
  readonly onCompiled?: ((job: BackendJob) => void) | undefined
}

export class LinkHome implements Home {
  readonly #session: LinkSession
  readonly #slots: SharedSlots
  readonly #listeners = new Set<() => void>()
  readonly #onCompiled: Surroundings['onCompiled']

  constructor(session: LinkSession, options: HomeOptions, { env, debug, memoryFactor, onCompiled }: Surroundings) {
    const { slots, share, memory } = options
    this.#session = session
    this.#onCompiled = onCompiled
    this.#slots = new SharedSlots({
      slots,
      share,
      lldSlots: () => session.native.localSlots(),
      hasThreadPool: true,
      trim: () => native().trimMemory(),
      memory: parseMemory(memory) ?? 'auto',
      memoryFactor,
      env,
      now: () => performance.now(),
      debug,
      onChange: () => {
        for (const listener of this.#listeners) listener()
      },
    })
  }

  get slots(): number {
    return this.#slots.slots
  }

  /** As in the event. */
  get memory(): { readonly waits: number; readonly learnt: number | undefined } {
    return this.#slots.memory
  }

  prepare(jobs: number): void {
    this.#slots.prepare(jobs)
  }

  onSlotsChanged(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  compile(job: BackendJob, signal: AbortSignal): Promise<HomeResult> {
    return this.#slots.run(job, signal, async () => {
      const takeNotes = this.#onCompiled !== undefined
      const { outcome, compileMs, endedMs } = await this.#session.compileInProcess(job.index, takeNotes)
      switch (outcome) {
        case 'compiled':
          this.#onCompiled?.(job)
          return { kind: 'compiled', timings: { compileMs }, beganMs: endedMs - compileMs }
        case 'failed':
          return { kind: 'does-not-compile', diagnostics: [] } // lld has them
        case 'lost':
          return { kind: 'lost' }
      }
    })
  }

  close(): void {
    this.#slots.close()
  }
}
