/**
 * What the action cache does not have is executed: each job as an action of its own, or, where jobs take less than the engine needs for an action whatever is in it, several in one.
 * That is measured (action-costs.ts), and it is done only while all actions that may be at the engine are there: while there is room, jobs run side by side.
 *
 * What a group gives for a job is what an action of its own would have given, byte for byte, since each is compiled in a process of its own. A job that does not compile there, or
 * whose compiler is ended, has no outputs, and is executed alone.
 */
import { cancelled, insertByCost, onAbort, orAborted, whileNone } from 'dtlto/plugin'
import { type JobAction, memberPath, OBJECT_PATH, RESULT_PATH } from './action.js'
import { ActionCosts } from './action-costs.js'
import type { Compiler } from './compilers.js'
import type { Engine, Executed } from './engine.js'
import { engineTimes } from './engine-times.js'
import type { Watching } from './execution.js'
import { ActionResult } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'
import type { InFlight } from './in-flight.js'

/** Of an action. */
const MEMBERS = 16
/** A job is small if it takes less than this part of what an action takes without it. */
const SMALL = 1 / 4
/** Groups that may fail as such before there are no more of them in this link. */
const FAILURES = 2
const PUBLISH_MS = 5_000
/**
 * For each job that may be at the engine, this part of one more is at hand here, so that the next one is there as soon as one has ended, and not when its object has been read. Of an
 * engine with few slots there is none: another may be free.
 */
const AT_HAND = 1 / 8

export interface ExecutionsOptions {
  readonly engine: Engine
  readonly compiler: Compiler
  readonly inFlight: InFlight
  readonly now: () => number
  /** The number of slots has changed. */
  readonly onChange: () => void
  /** Asked when the engine has been. */
  readonly mayGroup: () => boolean
  /** Whether each job's result is put into the action cache, where others find it as if it had been executed alone. */
  readonly publishes: () => boolean
}

interface Waiting {
  readonly action: JobAction
  readonly cost: number
  readonly watching: Watching
  readonly resolve: (executed: Executed) => void
  readonly reject: (error: unknown) => void
}

/** An action that waits until there is room for it. */
interface Queued {
  readonly cost: number
  readonly signal: AbortSignal
  readonly begin: () => void
}

export class Executions {
  readonly #options: ExecutionsOptions
  readonly #costs = new ActionCosts()
  #waiting: Waiting[] = []
  /** Those that are to be executed alone and wait until there is room; the costliest one first. */
  readonly #queue: Queued[] = []
  /** Actions at the engine. */
  #running = 0
  #isPlanned = false
  #isGrouping = false
  #failures = 0
  #grouped = { actions: 0, jobs: 0 }

  constructor(options: ExecutionsOptions) {
    this.#options = options
  }

  /** Jobs that there may be at a time. */
  get slots(): number {
    const { most } = this.#options.inFlight
    if (!this.#options.engine.canExecute) return most
    return this.#isGrouping ? most * MEMBERS : most + Math.floor(most * AT_HAND)
  }

  /** Whether small jobs are executed together, with an action for all of them. */
  get isGrouping(): boolean {
    return this.#isGrouping
  }

  /** Actions with several jobs, and the jobs that they had. */
  get grouped(): { readonly actions: number; readonly jobs: number } {
    return this.#grouped
  }

  /** `cost`: the job's. Rejects with RpcError, with DTLTO_CANCELLED when aborted. */
  execute(action: JobAction, cost: number, watching: Watching): Promise<Executed> {
    const isSmall = this.#isSmall(action, cost)
    if (isSmall !== this.#isGrouping) {
      this.#isGrouping = isSmall
      this.#options.onChange()
    }
    if (!isSmall) return this.#alone({ action, cost, watching }, () => this.#room(watching))
    // Small as it is, and until there is room nothing of it is sent.
    watching.onSent?.()
    const executed = new Promise<Executed>((resolve, reject) => {
      this.#waiting.push({ action, cost, watching, resolve, reject })
      this.#plan()
    })
    return orAborted(executed, watching.signal)
  }

  /** Whatever the action cache has; alone. Rejects as `execute` does. */
  executeAnew(action: JobAction, watching: Watching): Promise<Executed> {
    const { engine, now } = this.#options
    return engine.execute(action, 'skip', watching, now, () => this.#room(watching))
  }

  #isSmall(action: JobAction, cost: number): boolean {
    if (action.member === undefined || this.#failures >= FAILURES || !this.#options.mayGroup()) return false
    return this.#costs.workMs(cost) < this.#costs.overheadMs * SMALL
  }

  /** In a moment: the scheduler gives many jobs in one turn of the event loop. */
  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      this.#waiting = this.#waiting.filter(({ watching }) => !watching.signal.aborted)
      while (this.#waiting.length > 0 && this.#running < this.#options.inFlight.most) this.#sendNext()
    })
  }

  #sendNext(): void {
    const room = this.#options.inFlight.most - this.#running
    const members = this.#take(Math.ceil(this.#waiting.length / room))
    const [first] = members
    if (members.length === 1 && first !== undefined)
      this.#counted(() => this.#alone(first)).then(first.resolve, first.reject)
    else void this.#together(members)
  }

  /** At most `most` of the oldest, and no more than take as long as the action itself. */
  #take(most: number): Waiting[] {
    let workMs = 0
    let count = 0
    for (const { cost } of this.#waiting.slice(0, Math.min(most, MEMBERS))) {
      workMs += this.#costs.workMs(cost)
      if (count > 0 && workMs > this.#costs.overheadMs) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #alone(
    { action, cost, watching }: Pick<Waiting, 'action' | 'cost' | 'watching'>,
    room?: () => Promise<() => void>,
  ): Promise<Executed> {
    const { engine, now } = this.#options
    const executed = await engine.execute(action, 'ask', this.#learning(watching), now, room)
    if (executed.isCached) return executed
    this.#costs.add(cost, engineTimes(executed.result.executionMetadata).workerMs ?? executed.executeMs)
    this.#tellQueue(executed)
    return executed
  }

  async #counted(execute: () => Promise<Executed>): Promise<Executed> {
    this.#running++
    try {
      return await execute()
    } finally {
      this.#ended()
    }
  }

  /** Resolves when one more action may be at the engine, to what is to be called when it is not any more. */
  async #room({ precedence = Infinity, signal }: Watching): Promise<() => void> {
    if (this.#running < this.#options.inFlight.most) this.#running++
    else await this.#turn(precedence, signal)
    return () => this.#ended()
  }

  /** Whoever has got its room is not rejected any more, but gives it back, also when aborted in the same moment. */
  #turn(cost: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = onAbort(signal, () => reject(cancelled()))
      const begin = (): void => {
        forget()
        resolve()
      }
      insertByCost(this.#queue, { cost, signal, begin })
    })
  }

  #ended(): void {
    this.#running--
    this.roomChanged()
  }

  /** More or fewer actions may be at the engine than before. So while there is room nobody waits for it. */
  roomChanged(): void {
    this.#beginQueued()
    this.#plan()
  }

  #beginQueued(): void {
    while (this.#running < this.#options.inFlight.most) {
      const next = this.#queue.shift()
      if (next === undefined) return
      if (next.signal.aborted) continue
      this.#running++
      next.begin()
    }
  }

  /** What the engine says of its queue tells how many jobs it takes. */
  #learning(watching: Watching): Watching {
    let isTold = false
    const onExecuting = (queuedMs?: number): void => {
      if (!isTold && queuedMs !== undefined) this.#options.inFlight.begun(queuedMs)
      isTold ||= queuedMs !== undefined
      watching.onExecuting()
    }
    return { ...watching, onExecuting }
  }

  #tellQueue({ result, executeMs }: Executed): void {
    const { ranMs, queuedMs } = engineTimes(result.executionMetadata)
    if (ranMs !== undefined) this.#options.inFlight.executed(queuedMs ?? Math.max(0, executeMs - ranMs), ranMs)
  }

  async #together(members: readonly Waiting[]): Promise<void> {
    const executed = await this.#counted(() => this.#executeGroup(members)).catch((error: unknown) => {
      // Each job meets by itself what it was, if it is still there, and waits for room as if it had never been in a group.
      if (members.some(({ watching }) => !watching.signal.aborted)) this.#failures++
      if (error instanceof RpcError && error.code === CODE.RESOURCE_EXHAUSTED) this.#options.inFlight.refused()
      return undefined
    })
    if (executed !== undefined)
      this.#grouped = { actions: this.#grouped.actions + 1, jobs: this.#grouped.jobs + members.length }
    for (const [i, member] of members.entries()) {
      const own = executed && memberOf(executed, i, members.length)
      if (own === undefined) this.#alone(member, () => this.#room(member.watching)).then(member.resolve, member.reject)
      else void this.#publish(member.action, own, member.watching.signal).then(() => member.resolve(own))
    }
  }

  async #executeGroup(members: readonly Waiting[]): Promise<Executed> {
    const { engine, compiler, now } = this.#options
    const group = await compiler.group(members.flatMap(({ action }) => action.member ?? []))
    const action: JobAction = { kind: 'action', ...group, objectPath: '', resultPath: undefined }
    const watching: Watching = {
      signal: abortedByAll(members.map(({ watching: { signal } }) => signal)),
      headers: engine.invocation.headers(group.digest.hash, `${members.length} modules`),
      onSent: () => {
        for (const member of members) member.watching.onSent?.()
      },
      onExecuting: () => {
        for (const member of members) member.watching.onExecuting()
      },
    }
    const executed = await engine.execute(action, 'skip', this.#learning(watching), now)
    if (executed.result.exitCode !== 0)
      throw new RpcError(CODE.UNKNOWN, `a group of jobs ended with exit code ${executed.result.exitCode}`)
    this.#tellQueue(executed)
    return executed
  }

  /** Before the job is done: with the last job the link ends, and all calls with it. */
  async #publish(action: JobAction, { result }: Executed, wanted: AbortSignal): Promise<void> {
    const { engine, publishes } = this.#options
    if (this.#failures >= FAILURES || !publishes()) return
    const { outputFiles, executionMetadata } = result
    const worker = executionMetadata?.worker ?? ''
    const entry = ActionResult.fromPartial({ outputFiles, exitCode: 0, executionMetadata: { worker } })
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), PUBLISH_MS)
    try {
      await whileNone([wanted, late.signal], (signal) => engine.publish(action, entry, [], signal))
    } catch {
      // A refusal, perhaps. Where others cannot find what groups make, there are none.
      if (!wanted.aborted) this.#failures = FAILURES
    } finally {
      clearTimeout(timer)
    }
  }
}

/** What a group has made of one of its jobs, as an action of the job's own would have it; undefined if it has not. */
function memberOf({ result, executeMs, ...executed }: Executed, index: number, jobs: number): Executed | undefined {
  const outputFiles = [OBJECT_PATH, RESULT_PATH].flatMap((path) => {
    const made = result.outputFiles.find((file) => file.path === memberPath(index, path))
    return made ? [{ ...made, path }] : []
  })
  if (outputFiles.length < 2) return undefined
  const { executionMetadata } = result
  return {
    ...executed,
    result: ActionResult.fromPartial({ outputFiles, exitCode: 0, ...(executionMetadata && { executionMetadata }) }),
    executeMs: executeMs / jobs,
    jobs,
  }
}

/** Aborted when nobody wants it any more. */
function abortedByAll(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController()
  let wanting = signals.length
  for (const signal of signals) {
    onAbort(signal, () => {
      if (--wanting === 0) controller.abort()
    })
  }
  return controller.signal
}
