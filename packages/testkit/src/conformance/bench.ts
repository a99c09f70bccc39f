import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  CompileResult,
  Distributor,
  DistributorContext,
  DistributorDefinition,
  Endpoint,
  OptionsSchema,
  OptionValues,
} from 'dtlto/plugin'
import type { CapturedJob } from './captured-job.js'
import { accepts, checkEndpoints } from './endpoint-checks.js'
import type { Program } from './program.js'

/** How long a distributor may take, in milliseconds, before a check fails. */
export interface Limits {
  /** From `open` until it accepts work. */
  readonly readyMs: number
  /** For one job, or a handful at a time. */
  readonly jobMs: number
  /** To let go of a job that is not wanted any more. */
  readonly abortMs: number
}

/** What a check works with. */
export interface Bench {
  readonly definition: DistributorDefinition
  readonly options: OptionValues<OptionsSchema>
  /** Of the right types, but nothing that could work. */
  readonly badOptions: readonly OptionValues<OptionsSchema>[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly limits: Limits
  readonly program: Program
}

/** A job that was given to `compile`. */
export interface Call {
  readonly job: CapturedJob
  readonly endpoint: Endpoint
  readonly controller: AbortController
  /** How often it has said that the job begins. */
  readonly begun: () => number
  /** How often it has said that all of the job was sent. */
  readonly sent: () => number
  /** Never rejects. */
  readonly settled: Promise<Settled>
}

export type Settled =
  | { readonly kind: 'resolved'; readonly result: CompileResult }
  | { readonly kind: 'rejected'; readonly error: unknown }

/** An open distributor with the link around it. */
export class Opened {
  readonly distributor: Distributor
  readonly link: AbortController
  readonly limits: Limits
  readonly announcements: () => number
  readonly #signals: AbortSignal[] = []
  readonly #inFlight = new Map<string, number>()

  constructor(distributor: Distributor, link: AbortController, limits: Limits, announcements: () => number) {
    this.distributor = distributor
    this.link = link
    this.limits = limits
    this.announcements = announcements
  }

  /** A snapshot, checked. */
  endpoints(): readonly Endpoint[] {
    const endpoints = this.distributor.endpoints()
    checkEndpoints(endpoints)
    return endpoints
  }

  /** How many more jobs it may be given now. */
  freeSlots(): number {
    return this.endpoints().reduce((sum, endpoint) => sum + this.#free(endpoint), 0)
  }

  /** Gives it a job, as the scheduler does: at an endpoint (default: one with the most free slots) that has a slot for it. */
  compile(job: CapturedJob, at?: Endpoint): Call {
    const endpoint = at ?? this.#freest()
    const controller = new AbortController()
    const { signal } = controller
    this.#signals.push(signal)
    let begun = 0
    const started = (): void => {
      begun++
    }
    let sent = 0
    const attempt = Object.freeze({
      signal,
      started,
      sent: () => {
        sent++
      },
    })
    this.#inFlight.set(endpoint.id, (this.#inFlight.get(endpoint.id) ?? 0) + 1)
    const settled = (async (): Promise<Settled> => {
      try {
        return { kind: 'resolved', result: await this.distributor.compile(job, endpoint, attempt) }
      } catch (error) {
        return { kind: 'rejected', error }
      } finally {
        this.#inFlight.set(endpoint.id, (this.#inFlight.get(endpoint.id) ?? 0) - 1)
      }
    })()
    return { job, endpoint, controller, begun: () => begun, sent: () => sent, settled }
  }

  /** Compiles as many of these jobs at a time as there are slots, and looks again and again until all have settled. */
  async compileAll(jobs: readonly CapturedJob[], look: () => void = () => undefined): Promise<readonly Call[]> {
    const calls: Call[] = []
    let settled = 0
    const waiting = [...jobs]
    const lookAgain = (): boolean => {
      look()
      for (let free = this.freeSlots(); free > 0; free--) {
        const job = waiting.shift()
        if (job === undefined) break
        const call = this.compile(job)
        void call.settled.then(() => settled++)
        calls.push(call)
      }
      return settled === jobs.length
    }
    await this.until(lookAgain, this.limits.jobMs * jobs.length, 'all jobs should settle')
    return calls
  }

  #freest(): Endpoint {
    const [endpoint] = [...this.endpoints()].sort((a, b) => this.#free(b) - this.#free(a))
    assert.ok(endpoint !== undefined && this.#free(endpoint) > 0, 'no endpoint has a free slot any more')
    return endpoint
  }

  #free(endpoint: Endpoint): number {
    return accepts(endpoint) ? Math.max(0, endpoint.slots - (this.#inFlight.get(endpoint.id) ?? 0)) : 0
  }

  /** What became of the job, which must not take longer than the limit. */
  async outcome({ settled, job }: Call): Promise<Settled> {
    const { jobMs } = this.limits
    return await within(settled, jobMs, `compile() should settle '${job.moduleId}' within ${jobMs} ms`)
  }

  /** The job's result; fails if the distributor had trouble with it. */
  async result(call: Call): Promise<CompileResult> {
    const settled = await this.outcome(call)
    if (settled.kind === 'resolved') return settled.result
    throw new Error(`compile() should give a result for '${call.job.moduleId}', but it rejected`, {
      cause: settled.error,
    })
  }

  /** Waits until `condition` holds. */
  async until(condition: () => boolean, limitMs: number, otherwise: string): Promise<void> {
    const endMs = performance.now() + limitMs
    while (!condition()) {
      assert.ok(performance.now() < endMs, `${otherwise} within ${limitMs} ms`)
      await sleep(5)
    }
  }

  /** Listeners that the distributor has left on signals of jobs and of the link. */
  listeners(): number {
    return [this.link.signal, ...this.#signals].reduce((sum, s) => sum + getEventListeners(s, 'abort').length, 0)
  }
}

/** Opens the distributor as a link does, probes its endpoints, hands it to `use` when it accepts work, and destroys it. */
export async function withOpened(bench: Bench, use: (opened: Opened) => Promise<void>): Promise<void> {
  const link = new AbortController()
  let announcements = 0
  const context: DistributorContext = {
    link: { flavour: 'elf', llvmVersion: bench.program.llvmVersion, workingDirectory: process.cwd() },
    signal: link.signal,
    env: bench.env,
    now: () => performance.now(),
    localSlots: () => 2,
    statusChanged: () => {
      announcements++
    },
    warn: (kind, message) => {
      assert.match(kind, /^\S+$/, 'warn() takes a short kind without blanks first, so that it is shown once for each')
      assert.ok(message.length > 0, 'warn() takes a message for people')
    },
    debug: () => undefined,
  }
  const { readyMs } = bench.limits
  const opening = Promise.resolve(bench.definition.open(context, bench.options))
  const distributor = await within(
    opening,
    readyMs,
    `open() should return within ${readyMs} ms: connect in the background`,
  )
  const opened = new Opened(distributor, link, bench.limits, () => announcements)
  try {
    const ready = (): boolean => opened.endpoints().some(accepts)
    const wasReady = ready()
    await opened.until(ready, readyMs, 'endpoints() should have one with `accepting: true` and slots')
    assert.ok(
      wasReady || announcements > 0,
      'statusChanged() should be called when work is accepted: nobody looks otherwise',
    )
    for (const endpoint of opened.endpoints().filter(accepts)) {
      const probe = Promise.resolve(distributor.probe?.(endpoint, link.signal))
      await within(probe, readyMs, `probe() should settle '${endpoint.id}' within ${readyMs} ms`)
    }
    await use(opened)
  } finally {
    link.abort()
    distributor.destroy()
  }
}

/** The promise's value, or an error with that message. */
export async function within<T>(promise: Promise<T>, limitMs: number, otherwise: string): Promise<T> {
  const timer = new AbortController()
  const late = sleep(limitMs, undefined, { signal: timer.signal }).then(() => assert.fail(otherwise))
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
    late.catch(() => undefined)
  }
}
