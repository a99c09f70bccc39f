/** This machine, for commands of lld's: it runs them as they are. */
import { type ChildProcess, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { cancelled } from '../distributors/aborts.js'
import type { BackendJob } from '../distributors/interface.js'
import type { Home, HomeResult } from '../scheduler/home.js'
import type { CommandJob } from './command-job.js'

export class CommandHome implements Home {
  readonly slots: number
  readonly #running = new Set<ChildProcess>()

  readonly #jobs: readonly CommandJob[]

  constructor(jobs: readonly CommandJob[], slots: number | undefined) {
    this.#jobs = jobs
    this.slots = slots ?? availableParallelism()
  }

  prepare(): void {
    // Nothing is shared between commands.
  }

  onSlotsChanged(): () => void {
    return () => undefined
  }

  compile({ index }: BackendJob, signal: AbortSignal): Promise<HomeResult> {
    const { compiler, args } = (this.#jobs[index] as CommandJob).command
    const startMs = performance.now()
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(cancelled())
        return
      }
      const child = spawn(compiler, args, { stdio: 'inherit' })
      this.#running.add(child)
      // clang removes what it has begun to write.
      const end = (): boolean => child.kill('SIGTERM')
      signal.addEventListener('abort', end)
      const ended = (result: HomeResult): void => {
        signal.removeEventListener('abort', end)
        this.#running.delete(child)
        resolve(result)
      }
      child.once('error', ({ message }) => {
        const text = `'${compiler}' cannot be started: ${message}`
        ended({ kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: text }] })
      })
      child.once('exit', (code) => {
        if (code === 0) ended({ kind: 'compiled', timings: { compileMs: performance.now() - startMs } })
        else ended(signal.aborted ? { kind: 'lost' } : { kind: 'does-not-compile', diagnostics: [] })
      })
    })
  }

  /** Resolves when nothing of it runs. */
  async isIdle(): Promise<void> {
    while (this.#running.size > 0) {
      const [child] = this.#running
      await new Promise((resolve) => child?.once('close', resolve).once('error', resolve))
    }
  }
}
