/** An open distributor in C. Calls into it and its events go through the addon, all on the event loop. */
import {
  native,
  type NativePlugin,
  type NativePluginContext,
  type NativePluginEndpoint,
  type NativePluginResult,
  type NativePluginTable,
} from '@dtlto/native'
import { DtltoError } from '../../errors.js'
import type { Attempt, BackendJob, CompileResult, Distributor, DistributorContext, Endpoint } from '../interface.js'
import { factsOf, formed, FORMS, type FormedJob } from './forms.js'

/** As dtlto_outcome. */
const OUTCOMES = [
  'done',
  'does-not-compile',
  'cannot',
  'cannot-at-endpoint',
  'failed',
  'endpoint-refused',
  'aborted',
] as const

interface Call {
  settle(result: NativePluginResult): void
  reject(error: Error): void
  started(): void
  /** The plugin reads nothing of it any more. Not before it has said so, whoever waits for the call or has given up. */
  ended(): void
}

export class CPlugin implements Distributor {
  readonly prepare?: NonNullable<Distributor['prepare']>
  readonly probe?: NonNullable<Distributor['probe']>
  readonly #context: DistributorContext
  readonly #table: NativePluginTable
  readonly #plugin: NativePlugin
  readonly #calls = new Map<number, Call>()
  readonly #running = new Set<Promise<unknown>>()
  #endpoints: readonly Endpoint[] = []
  #closing: Promise<void> | undefined
  #isDestroyed = false

  /** Throws what the plugin says if it cannot be used. */
  constructor(context: DistributorContext, table: NativePluginTable, facts: NativePluginContext) {
    this.#context = context
    this.#table = table
    if (table.canPrepare) {
      this.prepare = async (jobs, signal) => {
        check(await this.#call(() => this.#plugin.prepare(jobs.map(factsOf)), signal))
      }
    }
    if (table.canProbe) {
      this.probe = async ({ id }, signal) => {
        check(await this.#call(() => this.#plugin.probe(id), signal))
      }
    }
    // A plugin that says something in open() and then fails is woken for when there is nothing to take any more.
    let isOpen = false
    this.#plugin = new (native().Plugin)(table.table, facts, () => {
      if (isOpen) this.#takeEvents()
    })
    isOpen = true
    // What open() has said of endpoints.
    this.#takeEvents()
  }

  endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  compile(job: BackendJob, endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> {
    const result = this.#compile(job, endpoint, attempt).finally(() => this.#running.delete(result))
    this.#running.add(result)
    return result
  }

  async close(): Promise<void> {
    this.#closing ??= this.#drain()
    await this.#closing
  }

  destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#plugin.destroy()
    for (const call of this.#calls.values()) call.reject(cancelled())
  }

  async #compile(job: BackendJob, { id }: Endpoint, attempt: Attempt): Promise<CompileResult> {
    const form = FORMS[this.#table.form]
    if (form === undefined) throw misbehaved(`wants its jobs in the form ${String(this.#table.form)}, which is none`)
    const ready = await formed(job, form)
    if (ready.kind === 'cannot') return ready
    const answer = await this.#call(
      () => this.#plugin.compile([{ ...factsOf(job), ...ready.fields, endpoint: id }]),
      attempt.signal,
      () => attempt.started(),
      () => ready.release(),
    )
    const result = resultOf(answer, ready)
    return result.kind === 'cannot' || answer.worker === '' ? result : { ...result, worker: answer.worker }
  }

  async #drain(): Promise<void> {
    if (this.#table.canClose && !this.#isDestroyed) {
      // Destroyed meanwhile, it is closed as well.
      await this.#call(() => this.#plugin.close()).catch(() => undefined)
    }
    await Promise.allSettled(this.#running)
  }

  /** Resolves when the plugin has finished the call that `begin` begins. */
  async #call(
    begin: () => number,
    signal?: AbortSignal,
    started: () => void = () => undefined,
    ended: () => void = () => undefined,
  ): Promise<NativePluginResult> {
    if (this.#isDestroyed || signal?.aborted) {
      ended()
      throw cancelled()
    }
    const number = begin()
    const cancel = (): void => {
      if (!this.#isDestroyed) this.#plugin.cancel(number)
    }
    try {
      return await new Promise<NativePluginResult>((settle, reject) => {
        this.#calls.set(number, { settle, reject, started, ended })
        signal?.addEventListener('abort', cancel)
      })
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  #takeEvents(): void {
    for (const event of this.#plugin.takeEvents()) {
      switch (event.kind) {
        case 'finished': {
          const call = this.#calls.get(event.call)
          this.#calls.delete(event.call)
          call?.ended()
          call?.settle(event.result)
          break
        }
        case 'started':
          this.#calls.get(event.call)?.started()
          break
        case 'endpoints':
          this.#endpoints = event.endpoints.map(endpointOf)
          this.#context.statusChanged()
          break
        case 'warning':
          this.#context.warn(event.word.replace(/\s+/g, '-') || 'warning', event.text)
          break
        case 'debug':
          this.#context.debug(event.text)
      }
    }
  }
}

/** Zero stands for unknown. */
function endpointOf(given: NativePluginEndpoint): Endpoint {
  const { id, slots, accepting, hasQueue, busyElsewhere, speed, latencyMs, queueLimitMs, deadlineMs, text } = given
  return {
    id,
    slots,
    accepting,
    hasQueue,
    busyElsewhere,
    ...(speed !== 0 && { speed }),
    ...(latencyMs !== 0 && { latencyMs }),
    ...(queueLimitMs !== 0 && { queueLimitMs }),
    ...(deadlineMs !== 0 && { deadlineMs }),
    ...(text !== '' && { text }),
  }
}

function resultOf(answer: NativePluginResult, job: FormedJob): CompileResult {
  const reason = answer.text || 'it did not say why'
  switch (OUTCOMES[answer.outcome]) {
    case 'done':
      return job.toResult(answer)
    case 'does-not-compile':
      return { kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: reason }] }
    case 'cannot':
      return { kind: 'cannot', reason }
    case 'cannot-at-endpoint':
      return { kind: 'cannot', reason, onlyThisEndpoint: true }
    default:
      throw troubleOf(answer)
  }
}

/** For calls that have no result. */
function check(answer: NativePluginResult): void {
  if (OUTCOMES[answer.outcome] !== 'done') throw troubleOf(answer)
}

function troubleOf({ outcome, text }: NativePluginResult): DtltoError {
  const reason = text || 'the plugin did not say why'
  switch (OUTCOMES[outcome]) {
    case 'aborted':
      return cancelled()
    case 'endpoint-refused':
      return new DtltoError('DTLTO_ENDPOINT_REFUSED', reason)
    case undefined:
      return misbehaved(`finished a call with the outcome ${String(outcome)}, which is none`)
    default:
      return new DtltoError('DTLTO_DISTRIBUTOR_FAILED', reason)
  }
}

function cancelled(): DtltoError {
  return new DtltoError('DTLTO_CANCELLED', 'the call was cancelled')
}

function misbehaved(what: string): DtltoError {
  return new DtltoError('DTLTO_PLUGIN_MISBEHAVED', `the plugin ${what}`)
}
