import {
  type NativeArgument,
  type NativeCompileOutcome,
  type NativeDriver,
  type NativeLink,
  type NativeStartProblem,
  native,
} from '@dtlto/native'
import { performance } from 'node:perf_hooks'
import { DtltoError, type ErrorCode } from '../errors.js'

interface Compiled {
  readonly outcome: NativeCompileOutcome
  readonly compileMs: number
  /** On the clock of `performance.now`. */
  readonly endedMs: number
}

/** From the clock of `performance.now`, which begins with the process, to that of the machine. The process may lose its processor between looks at the two, which then seem to be nearer. */
const CLOCK_AHEAD_MS = Math.max(
  ...Array.from({ length: 5 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
)

/** What lld's thread came to: it waits for backend jobs, or it has ended. */
export type LldState = { readonly at: 'jobs' } | { readonly at: 'end'; readonly exitCode: number }

/** A native link with promises in place of events. */
export class LinkSession {
  readonly native: NativeLink
  /** Which of its drivers lld has chosen; undefined when it ends without one. */
  readonly driver: Promise<NativeDriver | undefined>
  /** Resolves with the exit code when lld has ended: also while it waits for jobs, when one of them is a fatal error. */
  readonly finished: Promise<number>
  /** Resolves when lld first waits for jobs, or at its end if it never does. */
  readonly jobsOrEnd: Promise<LldState>
  readonly #compiling = new Map<
    number,
    { readonly promise: Promise<Compiled>; readonly settle: (compiled: Compiled) => void }
  >()

  constructor(argv: readonly NativeArgument[], capture: boolean) {
    let onDriver!: (driver: NativeDriver | undefined) => void
    let onJobs!: (state: LldState) => void
    let onEnd!: (exitCode: number) => void
    this.driver = new Promise((resolve) => {
      onDriver = resolve
    })
    this.jobsOrEnd = new Promise((resolve) => {
      onJobs = resolve
    })
    this.finished = new Promise((resolve) => {
      onEnd = resolve
    })
    try {
      this.native = new (native().Link)(argv, capture, (...event) => {
        switch (event[0]) {
          case 'driver-chosen':
            onDriver(event[1])
            return
          case 'jobs-ready':
            onJobs({ at: 'jobs' })
            return
          case 'job-compiled': {
            const [, index, outcome, compileMs, ended] = event
            const compiling = this.#compiling.get(index)
            this.#compiling.delete(index)
            compiling?.settle({ outcome, compileMs, endedMs: ended - CLOCK_AHEAD_MS })
            return
          }
          case 'finished':
            onDriver(undefined)
            onJobs({ at: 'end', exitCode: event[1] })
            onEnd(event[1])
            return
        }
      })
    } catch (error) {
      throw notStarted(error)
    }
  }

  /** Compiles a job on a native thread of this process. Asked twice at a time, it is done once. `takeNotes`: for `native.madeHere`. */
  compileInProcess(index: number, takeNotes = false): Promise<Compiled> {
    const running = this.#compiling.get(index)
    if (running) return running.promise
    this.native.compileInProcess(index, takeNotes)
    let settle!: (compiled: Compiled) => void
    const promise = new Promise<Compiled>((resolve) => {
      settle = resolve
    })
    this.#compiling.set(index, { promise, settle })
    return promise
  }
}

const START_PROBLEMS: Readonly<Record<NativeStartProblem, [code: ErrorCode, message: string]>> = {
  running: ['DTLTO_LINK_RUNNING', 'a link is running in this process already: lld keeps global state'],
  'cannot-run-again': [
    'DTLTO_CANNOT_LINK_AGAIN',
    'lld cannot run again in this process after the way in which an earlier link ended: use a new process',
  ],
  'no-thread': [
    'DTLTO_NO_THREAD',
    'the system gives this process no thread for lld: see its limits (ulimit -u, ulimit -v)',
  ],
}

function notStarted(error: unknown): unknown {
  const problem = error instanceof Error ? START_PROBLEMS[error.message as NativeStartProblem] : undefined
  return problem ? new DtltoError(...problem, { cause: error }) : error
}
