import { setMaxListeners } from 'node:events'
import {
  type BackendJob,
  type CompileResult,
  type Distributor,
  type DistributorContext,
  type DistributorStatus,
  DtltoError,
} from 'dtlto/plugin'
import { answerLimits } from './answer.js'
import { Deadlines } from './deadline.js'
import { ExchangeError, type ExchangeResult } from './exchange.js'
import { fitsProtocol, Packer } from './packer.js'
import type { Server } from './server.js'
import type { Tuning } from './tuning.js'
import { judge } from './verdict.js'
import { bitcodeBytes, toWireJob, type WireJob } from './wire-job.js'

interface Waiting {
  readonly triple: string
  readonly resolve: (server: Server) => void
  readonly reject: (error: DtltoError) => void
}

/** The job did not start on a server, or could not: another one may take it. */
const ELSEWHERE = Symbol('elsewhere')

/**
 * Several distccd servers as one distributor. A job waits here until a server has a free slot, because a distccd
 * would let it wait in its backlog without a word, however long, while another server is idle.
 *
 * A job that was not started (no connection, no compiler) is given to another server here. One that was lost on the way
 * is the scheduler's: it sees all distributors, and this one only its servers.
 */
export class Farm implements Distributor {
  readonly #context: DistributorContext
  readonly #servers: readonly Server[]
  readonly #queue: Waiting[] = []
  readonly #packer: Packer
  readonly #deadlines: Deadlines
  readonly #running = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()
  #closed = false

  /** `makeServers` gets what a server has to call when its state has changed. */
  constructor(
    context: DistributorContext,
    makeServers: (onChange: () => void) => readonly Server[],
    tuning: Tuning,
    jobTimeoutMs: number,
  ) {
    this.#context = context
    this.#servers = makeServers(() => this.#serversChanged())
    this.#packer = new Packer(tuning.packedBytes)
    this.#deadlines = new Deadlines(tuning.minDeadlineMs, jobTimeoutMs)
    if (context.signal.aborted) {
      this.destroy()
      return
    }
    context.signal.addEventListener('abort', () => this.destroy(), { once: true, signal: this.#stop.signal })
    for (const server of this.#servers) server.start()
  }

  status(): DistributorStatus {
    const up = this.#servers.filter(({ accepting }) => accepting)
    const overheads = up.map(({ overheadMs }) => overheadMs).filter((ms) => ms !== undefined)
    return {
      slots: up.reduce((sum, { slots }) => sum + slots, 0),
      busy: up.reduce((sum, { busy, slots }) => sum + Math.min(busy, slots), 0),
      queued: this.#queue.length,
      accepting: !this.#closed && up.length > 0,
      ...(overheads.length === 0 ? {} : { latencyMs: overheads.reduce((sum, ms) => sum + ms, 0) / overheads.length }),
      text: `${up.length} of ${this.#servers.length} servers up`,
      workers: this.#servers.map(({ name, slots, busy, accepting, text }) => ({ name, slots, busy, accepting, text })),
    }
  }

  compile(job: BackendJob, signal: AbortSignal): Promise<CompileResult> {
    // Many jobs may share a signal: that is no leak, and nothing may be printed in the middle of a link.
    setMaxListeners(0, signal)
    const running = this.#compile(job, signal)
    const watched = running.catch(() => undefined).finally(() => this.#running.delete(watched))
    this.#running.add(watched)
    return running
  }

  /** Waits for the jobs that are running or queued, then lets go of everything. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
    const { files, hits, plainBytes, sentBytes } = this.#packer.totals
    this.#context.debug(`distcc: ${files} files sent (${hits} compressed before), ${plainBytes} bytes in ${sentBytes}`)
    this.destroy()
  }

  destroy(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stop.abort()
    for (const waiting of this.#queue.splice(0)) waiting.reject(cancelled())
    for (const server of this.#servers) server.close()
  }

  async #compile(job: BackendJob, signal: AbortSignal): Promise<CompileResult> {
    const clang = await job.forClang()
    if (clang.kind === 'cannot') return clang
    const wire = toWireJob(clang)
    if (wire.kind === 'cannot') return wire
    if (!fitsProtocol(wire))
      return { kind: 'cannot', reason: `distcc: a file of '${job.moduleId}' is too large for the protocol` }
    const queuedAtMs = this.#context.now()
    for (let tries = 0; tries <= this.#servers.length; tries++) {
      if (this.#servers.every(({ lacksTargets }) => lacksTargets.has(job.targetTriple))) {
        return { kind: 'cannot', reason: `distcc: no server's compiler has the target '${job.targetTriple}'` }
      }
      const server = await this.#acquire(job.targetTriple, signal)
      const result = await this.#attempt(server, job, wire, queuedAtMs, signal)
      if (result !== ELSEWHERE) return result
    }
    throw this.#noneLeft()
  }

  async #attempt(
    server: Server,
    job: BackendJob,
    wire: WireJob,
    queuedAtMs: number,
    signal: AbortSignal,
  ): Promise<CompileResult | typeof ELSEWHERE> {
    const queuedMs = this.#context.now() - queuedAtMs
    let request: Uint8Array[]
    try {
      request = await this.#packer.pack(wire, server.compiler, signal)
    } catch (error) {
      server.release()
      throw signal.aborted ? cancelled(error) : error
    }
    let exchanged: ExchangeResult
    try {
      exchanged = await server.run(request, this.#deadlines.for(job.cost), signal, answerLimits(bitcodeBytes(wire)))
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error
      return this.#afterFailure(server, job, error, signal)
    }
    const verdict = judge(exchanged.answer, job.targetTriple)
    const about = `distcc server '${server.name}', '${job.moduleId}'`
    const details = { worker: server.name, moduleId: job.moduleId }
    switch (verdict.kind) {
      case 'object': {
        const { connectMs, sendMs, waitMs, receiveMs } = exchanged
        server.succeeded(job.cost, exchanged)
        this.#deadlines.observe(job.cost, connectMs + sendMs + waitMs + receiveMs)
        return {
          kind: 'object',
          object: verdict.object,
          diagnostics: [],
          sideOutputs: [],
          timings: { queuedMs, sendMs: connectMs + sendMs, compileMs: waitMs, receiveMs },
          worker: server.name,
        }
      }
      case 'spoke':
        server.spoke(verdict)
        return { kind: 'cannot', reason: `distcc: the compiler of '${server.name}' printed '${verdict.text}'` }
      case 'does-not-compile':
        return { kind: 'does-not-compile', diagnostics: verdict.diagnostics, worker: server.name }
      case 'cannot':
        return { kind: 'cannot', reason: `distcc: ${verdict.reason}` }
      case 'refused':
        if (verdict.subject === 'target') {
          server.lacksTargets.add(job.targetTriple)
          this.#context.warn(
            `target:${server.name}`,
            `distcc server '${server.name}' cannot compile for '${job.targetTriple}': ${verdict.reason}`,
          )
        } else server.refuse('compiler', verdict.reason)
        return ELSEWHERE
      case 'failed':
        server.rest('lost', verdict.reason)
        throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `${about}: ${verdict.reason}`, { details })
      case 'rejected':
        server.doubt(verdict.reason)
        throw new DtltoError('DTLTO_OBJECT_REJECTED', `${about}: ${verdict.reason}`, { details })
    }
  }

  /** Tells the server's trouble from the job's, and lets a job that was never started go to another server. */
  #afterFailure(server: Server, job: BackendJob, error: ExchangeError, signal: AbortSignal): typeof ELSEWHERE {
    const message = `distcc server '${server.name}', '${job.moduleId}': ${error.message}`
    const options = { cause: error, details: { worker: server.name, moduleId: job.moduleId, failure: error.kind } }
    switch (error.kind) {
      case 'unreachable':
        server.rest('unreachable', error.message)
        return ELSEWHERE
      case 'aborted':
        if (signal.aborted || this.#closed) throw cancelled(error)
        throw new DtltoError(
          'DTLTO_DISTRIBUTOR_FAILED',
          `distcc server '${server.name}' gave no sign of life any more`,
          options,
        )
      case 'deadline':
        server.rest('deadline', error.message)
        throw new DtltoError('DTLTO_DEADLINE_EXCEEDED', message, options)
      case 'hung-up':
      case 'reset':
      case 'cut-off':
      case 'garbage':
        server.rest('lost', error.message)
        throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', message, options)
    }
  }

  /** Waits for a slot that is then reserved. */
  #acquire(triple: string, signal: AbortSignal): Promise<Server> {
    return new Promise((resolve, reject) => {
      if (signal.aborted || this.#closed) {
        reject(cancelled(signal.reason))
        return
      }
      const waiting: Waiting = {
        triple,
        resolve: (server) => {
          signal.removeEventListener('abort', onAbort)
          resolve(server)
        },
        reject: (error) => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      const onAbort = (): void => {
        const at = this.#queue.indexOf(waiting)
        if (at >= 0) this.#queue.splice(at, 1)
        waiting.reject(cancelled(signal.reason))
        this.#context.statusChanged()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiting)
      this.#dispatch()
    })
  }

  #serversChanged(): void {
    this.#dispatch()
    this.#context.statusChanged()
  }

  /** First come, first served, by the server that is least loaded for its speed. */
  #dispatch(): void {
    for (let i = 0; i < this.#queue.length; ) {
      const waiting = this.#queue[i] as Waiting
      const able = this.#servers.filter((server) => server.hopeful && !server.lacksTargets.has(waiting.triple))
      const server = this.#best(able.filter(({ free }) => free > 0))
      if (server !== undefined) {
        this.#queue.splice(i, 1)
        server.reserve()
        waiting.resolve(server)
      } else if (able.length === 0) {
        this.#queue.splice(i, 1)
        waiting.reject(this.#noneLeft())
      } else i++
    }
  }

  #best(servers: readonly Server[]): Server | undefined {
    const speeds = this.#servers.map(({ speed }) => speed).filter((speed) => speed !== undefined)
    const usual = speeds.length === 0 ? 1 : speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length
    const price = (server: Server): number => (server.load * usual) / (server.speed ?? usual)
    return servers.reduce<Server | undefined>(
      (best, server) => (best === undefined || price(server) < price(best) ? server : best),
      undefined,
    )
  }

  #noneLeft(): DtltoError {
    const why = this.#servers.map(({ name, text }) => `'${name}' ${text}`)
    return new DtltoError(
      'DTLTO_DISTRIBUTOR_UNAVAILABLE',
      `no distcc server takes jobs: ${why.slice(0, 5).join('; ')}`,
      {
        details: { servers: why },
      },
    )
  }
}

function cancelled(cause?: unknown): DtltoError {
  return new DtltoError('DTLTO_CANCELLED', 'the job was cancelled', cause === undefined ? {} : { cause })
}
