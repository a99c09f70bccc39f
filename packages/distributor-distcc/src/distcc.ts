import { setMaxListeners } from 'node:events'
import {
  type Attempt,
  type BackendJob,
  cancelled,
  type CannotExpress,
  type CompileResult,
  type Distributor,
  type DistributorContext,
  DtltoError,
  type Endpoint,
  LookAhead,
  takeTurn,
  type WaitingJobs,
} from 'dtlto/plugin'
import { answerLimits } from './answer.js'
import { ExchangeError, type ExchangeResult } from './exchange.js'
import { fitsProtocol, Packer } from './packer.js'
import type { Server } from './server.js'
import { judge } from './verdict.js'
import { bitcodeBytes, toWireJob, type WireJob } from './wire-job.js'

/** Several distccd servers: each is an endpoint. A job becomes a request, the answer is judged; everything else is the scheduler's. */
export class Distcc implements Distributor {
  readonly #context: DistributorContext
  readonly #servers: readonly Server[]
  readonly #packer: Packer
  readonly #lookAhead = new LookAhead({ make: (jobs) => Promise.all(jobs.map((job) => this.#makeAhead(job))) })
  readonly #running = new Set<Promise<unknown>>()
  readonly #onAbort = (): void => this.destroy()
  #closed = false

  constructor(context: DistributorContext, servers: readonly Server[], packedBytes: number) {
    this.#context = context
    this.#servers = servers
    this.#packer = new Packer(packedBytes)
    if (context.signal.aborted) this.destroy()
    else context.signal.addEventListener('abort', this.#onAbort)
  }

  endpoints(): readonly Server[] {
    return this.#servers
  }

  prepare(jobs: readonly BackendJob[], _signal: AbortSignal, waiting: WaitingJobs): Promise<void> {
    this.#lookAhead.begin(jobs, waiting)
    return Promise.resolve()
  }

  probe(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    return this.#server(endpoint).probe(signal)
  }

  compile(job: BackendJob, endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> {
    // A job's signal has several listeners: that is no leak, and nothing may be printed in the middle of a link.
    setMaxListeners(0, attempt.signal)
    const running = this.#compile(job, this.#server(endpoint), attempt)
    const watched = running.catch(() => undefined).finally(() => this.#running.delete(watched))
    this.#running.add(watched)
    return running
  }

  /** Waits for the jobs that are running, then lets go of everything. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
    const { files, plainBytes, packedBytes, sentBytes } = this.#packer.totals
    this.#context.debug(
      `distcc: ${files} files sent, ${plainBytes} bytes in ${sentBytes}, for which ${packedBytes} were compressed`,
    )
    this.destroy()
  }

  destroy(): void {
    if (this.#closed) return
    this.#closed = true
    this.#lookAhead.end()
    this.#context.signal.removeEventListener('abort', this.#onAbort)
    for (const server of this.#servers) server.close()
    this.#packer.clear()
  }

  /** The scheduler gives back what `endpoints` gave. */
  #server({ id }: Endpoint): Server {
    const server = this.#servers.find((each) => each.id === id)
    if (server === undefined) throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `there is no distcc server '${id}'`)
    return server
  }

  async #compile(job: BackendJob, server: Server, attempt: Attempt): Promise<CompileResult> {
    const { signal } = attempt
    if (this.#closed) throw cancelled()
    const packed = this.#lookAhead.asked(job)
    try {
      const wire = await wireJobOf(job)
      if (wire.kind === 'cannot') return wire
      const { parts, release } = await this.#packer.pack(wire, server.compiler, signal)
      packed()
      if (this.#lookAhead.allAsked) this.#packer.keepNoBuffers()
      const limits = answerLimits(bitcodeBytes(wire))
      const onSent = (): void => {
        release()
        attempt.sent?.()
      }
      return this.#judge(job, server, await server.run(parts, limits, signal, onSent))
    } catch (error) {
      if (signal.aborted || this.#closed) throw cancelled(error)
      throw error instanceof ExchangeError ? lost(job, server, error) : error
    } finally {
      packed()
    }
  }

  /** What is made of it is kept by the job, and by the packer. */
  async #makeAhead(job: BackendJob): Promise<void> {
    const wire = await wireJobOf(job)
    if (wire.kind === 'cannot') return
    await Promise.all(wire.files.map(async ({ unread }) => unread?.()))
    await this.#packer.compressAhead(wire)
  }

  #judge(job: BackendJob, server: Server, exchanged: ExchangeResult): CompileResult {
    const verdict = judge(exchanged.answer, job.targetTriple)
    const details = { server: server.id, moduleId: job.moduleId }
    switch (verdict.kind) {
      case 'object': {
        const { connectMs, sendMs, waitMs, receiveMs } = exchanged
        server.succeeded()
        return {
          kind: 'object',
          object: verdict.object,
          diagnostics: [],
          sideOutputs: [],
          timings: { sendMs: connectMs + sendMs, compileMs: waitMs, receiveMs },
        }
      }
      case 'spoke': {
        const warning = server.spoke(verdict)
        if (warning !== undefined) this.#context.warn(`spoke:${server.id}`, warning)
        return { kind: 'cannot', reason: `distcc: the compiler of '${server.id}' printed '${verdict.text}'` }
      }
      case 'does-not-compile':
        return { kind: 'does-not-compile', diagnostics: verdict.diagnostics }
      case 'cannot':
        return { kind: 'cannot', reason: `distcc: ${verdict.reason}` }
      case 'refused': {
        if (verdict.subject === 'compiler')
          throw new DtltoError('DTLTO_ENDPOINT_REFUSED', server.trouble('compiler', verdict.reason), { details })
        this.#context.warn(
          `target:${server.id}`,
          server.trouble('target', `no '${job.targetTriple}': ${verdict.reason}`),
        )
        return { kind: 'cannot', onlyThisEndpoint: true, reason: `distcc: ${verdict.reason}` }
      }
      case 'failed':
        throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', server.trouble('lost', verdict.reason), { details })
      case 'rejected':
        throw new DtltoError('DTLTO_OBJECT_REJECTED', server.trouble('rejected', verdict.reason), { details })
    }
  }
}

async function wireJobOf(job: BackendJob): Promise<WireJob | CannotExpress> {
  const packed = await job.package()
  if (packed.kind === 'cannot') return packed
  const clang = await packed.forClang()
  if (clang.kind === 'cannot') return clang
  await takeTurn(job.cost)
  const wire = toWireJob(clang)
  if (wire.kind === 'cannot' || fitsProtocol(wire)) return wire
  return { kind: 'cannot', reason: `distcc: a file of '${job.moduleId}' is too large for the protocol` }
}

/** An exchange that gave no answer. */
function lost(job: BackendJob, server: Server, error: ExchangeError): DtltoError {
  const options = { cause: error, details: { server: server.id, moduleId: job.moduleId, failure: error.kind } }
  switch (error.kind) {
    case 'unreachable':
      return new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', server.trouble('unreachable', error.message), options)
    case 'deadline':
      return new DtltoError('DTLTO_DEADLINE_EXCEEDED', server.trouble('deadline', error.message), options)
    case 'aborted':
    case 'hung-up':
    case 'reset':
    case 'cut-off':
    case 'garbage':
      return new DtltoError('DTLTO_DISTRIBUTOR_FAILED', server.trouble('lost', error.message), options)
  }
}
