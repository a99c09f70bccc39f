import { type NativeArgument, type NativeCompileOutcome, type NativeLink, native } from '@dtlto/native'
import { DtltoError } from '../errors.js'

interface Compiled {
  readonly outcome: NativeCompileOutcome
  readonly compileMs: number
}

/** What lld's thread came to: it waits for backend jobs, or it has ended. */
export type LldState = { readonly at: 'jobs' } | { readonly at: 'end'; readonly exitCode: number }

/** A native link with promises in place of events. */
export class LinkSession {
  readonly native: NativeLink
  /** Resolves with the exit code when nothing of lld runs any more. */
  readonly finished: Promise<number>
  /** Resolves when lld first waits for jobs, or at its end if it never does. */
  readonly jobsOrEnd: Promise<LldState>
  readonly #compiling = new Map<number, (compiled: Compiled) => void>()

  constructor(argv: readonly NativeArgument[], capture: boolean) {
    let onJobs!: (state: LldState) => void
    let onEnd!: (exitCode: number) => void
    this.jobsOrEnd = new Promise((resolve) => {
      onJobs = resolve
    })
    this.finished = new Promise((resolve) => {
      onEnd = resolve
    })
    try {
      this.native = new (native().Link)(argv, capture, (...event) => {
        switch (event[0]) {
          case 'jobs-ready':
            onJobs({ at: 'jobs' })
            return
          case 'job-compiled': {
            const [, index, outcome, compileMs] = event
            const settle = this.#compiling.get(index)
            this.#compiling.delete(index)
            settle?.({ outcome, compileMs })
            return
          }
          case 'finished':
            onJobs({ at: 'end', exitCode: event[1] })
            onEnd(event[1])
            return
        }
      })
    } catch (error) {
      throw new DtltoError('DTLTO_LINK_RUNNING', 'a link is running in this process already: lld keeps global state', {
        cause: error,
      })
    }
  }

  /** Compiles a job on a native thread of this process. One at a time for a job. */
  compileHere(index: number): Promise<Compiled> {
    return new Promise((resolve, reject) => {
      if (this.#compiling.has(index)) {
        reject(
          new DtltoError('DTLTO_PLUGIN_MISBEHAVED', `job ${String(index)} is being compiled in this process already`),
        )
        return
      }
      this.native.compileHere(index)
      this.#compiling.set(index, resolve)
    })
  }
}
