/** The worker processes of one link. */
import { DtltoError } from '../../errors.js'
import { printableLine } from '../../printable.js'
import { onAbort } from '../aborts.js'
import { codegenResult } from '../codegen/message.js'
import type { BackendJob, CompileResult } from '../interface.js'
import { CannotStart, WorkerProcess } from './worker-process.js'
import type { WorkerProgram } from './worker-program.js'

export interface WorkerProcessesContext {
  readonly llvmVersion: string
  now(): number
  /** More than `most` cannot be started: threads, descriptors or memory are used up. */
  onFewer(most: number, why: string): void
}

export class WorkerProcesses {
  /** More cannot be started: threads, descriptors or memory are used up. */
  most = Infinity
  readonly #program: WorkerProgram
  readonly #context: WorkerProcessesContext
  readonly #idle: WorkerProcess[] = []
  readonly #all = new Set<WorkerProcess>()
  readonly #waiting: (() => void)[] = []
  #isDestroyed = false

  constructor(program: WorkerProgram, context: WorkerProcessesContext) {
    this.#program = program
    this.#context = context
  }

  /** Whether one can be started. It is then idle. */
  async probe(signal: AbortSignal): Promise<void> {
    const process = await this.#take(signal)
    this.#idle.push(process)
    this.#waiting.shift()?.()
  }

  /** `onSent` hears when a process has all of the job. */
  async compile(job: BackendJob, signal: AbortSignal, onSent: () => void): Promise<CompileResult> {
    const packed = await job.package()
    if (packed.kind === 'cannot') return packed
    const process = await this.#take(signal)
    const beganMs = this.#context.now()
    let sentMs: number | undefined
    const sent = (): void => {
      if (sentMs !== undefined) return
      sentMs = this.#context.now()
      onSent()
    }
    try {
      const answer = await killedOnAbort(process, signal, () => process.compile(packed, sent))
      sent() // an answer may be heard before the end of the writing
      if (answer.status === 'refused' && this.#program.isElsewhere) {
        // It has not kept what came with the job.
        process.kill()
        if (DAMAGED.test(answer.failure))
          throw new DtltoError(
            'DTLTO_DISTRIBUTOR_FAILED',
            `a job was damaged on its way: ${printableLine(answer.failure)}`,
          )
      } else this.#idle.push(process)
      const sendMs = (sentMs ?? beganMs) - beganMs
      return codegenResult(answer, job.moduleId, packed, { sendMs, compileMs: this.#context.now() - beganMs - sendMs })
    } finally {
      if (!process.alive) this.#all.delete(process)
      this.#waiting.shift()?.()
    }
  }

  /** Of the processes, on this machine. */
  pids(): readonly number[] {
    return [...this.#all].flatMap(({ pid }) => pid ?? [])
  }

  /** Nothing is compiled any more: idle processes end by themselves. */
  close(): void {
    for (const process of this.#all) process.close()
    this.#all.clear()
  }

  destroy(): void {
    this.#isDestroyed = true
    for (const process of this.#all) process.kill()
    this.#all.clear()
  }

  /** An idle process, or a new one; where no more can be started, the next that is idle. */
  async #take(signal: AbortSignal): Promise<WorkerProcess> {
    try {
      return await this.#idleOrNew(signal)
    } catch (error) {
      // It may have been told of a process that it does not take.
      this.#waiting.shift()?.()
      throw error
    }
  }

  async #idleOrNew(signal: AbortSignal): Promise<WorkerProcess> {
    for (;;) {
      signal.throwIfAborted()
      for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) if (idle.alive) return idle
      if (this.#all.size < this.most) {
        try {
          const process = await WorkerProcess.start(this.#program)
          if (this.#isDestroyed) process.kill()
          this.#all.add(process)
          if (this.#program.isElsewhere) await this.#greet(process, signal)
          return process
        } catch (error) {
          if (!(error instanceof CannotStart) || !error.isShortage) throw error
          if (this.#all.size === 0)
            throw new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', error.message, { cause: error })
          this.most = this.#all.size
          this.#context.onFewer(this.most, error.message)
        }
      } else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** A command may wait for a machine, ask for a host that is gone, or reach a worker of another version. */
  async #greet(process: WorkerProcess, signal: AbortSignal): Promise<void> {
    const { llvmVersion } = this.#context
    try {
      const answer = await killedOnAbort(process, signal, () => process.greet(llvmVersion))
      if (!answer.includes(NO_JOB)) {
        process.kill()
        throw new DtltoError(
          'DTLTO_ENDPOINT_REFUSED',
          `the worker ${this.#program.name} says: ${printableLine(answer)}`,
        )
      }
    } catch (error) {
      this.#all.delete(process)
      throw error
    }
  }
}

/** While the work goes on, an abort kills the process, and with it the work. */
async function killedOnAbort<T>(process: WorkerProcess, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const forget = onAbort(signal, () => process.kill())
  try {
    signal.throwIfAborted()
    return await work()
  } finally {
    forget()
  }
}

/** What dtlto-codegen says of a job of its version that has no module. */
const NO_JOB = "expected one blob 'own'"

/** What dtlto-codegen says of a job that is not what was sent. */
const DAMAGED = /damaged|blob [0-9a-f]{64}/
