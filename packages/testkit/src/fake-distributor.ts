/**
 * A distributor that behaves, or misbehaves, as scripted, on a virtual clock. It has *workers* with slots and a speed. As one endpoint (a
 * cluster) it queues what exceeds its slots, gives a job to the least loaded worker, and rests a worker that failed; with `endpointPerWorker` (a
 * set of machines) all that is the scheduler's.
 */
import { DtltoError } from 'dtlto/plugin'
import type { Attempt, BackendJob, CompileResult, Distributor, Endpoint, ErrorCode, WaitingJobs } from 'dtlto/plugin'

export interface FakeClock {
  now(): number
  setTimer(atMs: number, fn: () => void): () => void
}

export interface FakeWorker {
  readonly name: string
  readonly slots: number
  /** Compile speed relative to one local slot. Default 1. */
  readonly speed?: number
  /** What goes wrong with each of its jobs. */
  readonly fault?: Fault
}

/** What happens to one call of `compile` instead of a good result. */
export type Fault =
  /** Rejects after `afterMs` with a DtltoError, by default DTLTO_DISTRIBUTOR_FAILED. */
  | { readonly kind: 'trouble'; readonly afterMs: number; readonly code?: ErrorCode }
  /** Rejects with something that is no DtltoError. */
  | { readonly kind: 'reject'; readonly value: unknown }
  /** Throws instead of returning a promise. */
  | { readonly kind: 'throw'; readonly value: unknown }
  /** Never answers; heeds the abort. */
  | { readonly kind: 'hang' }
  /** Never answers, not even an abort. */
  | { readonly kind: 'ignore-abort' }
  /** Resolves with this instead of a result. */
  | { readonly kind: 'garbage'; readonly value: unknown }
  /** A thenable that calls back several times, with different results. */
  | { readonly kind: 'answer-twice' }
  /** An object with its last bytes missing. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'cannot'; readonly reason: string; readonly isMiss?: true }
  | { readonly kind: 'does-not-compile'; readonly message: string }
  /** Correct, but takes this many times longer. */
  | { readonly kind: 'slow'; readonly factor: number }

export interface FakeCall {
  /** 0-based number of the call. */
  readonly call: number
  readonly job: BackendJob
  readonly worker: string
  readonly nowMs: number
}

export interface FakeOptions {
  readonly clock: FakeClock
  readonly name?: string
  /** Default: one worker `w0` with one slot. */
  readonly workers?: readonly FakeWorker[]
  /** How long a job takes on a worker of speed 1. Default: `job.cost`. */
  readonly durationMs?: (job: BackendJob) => number
  /** Added to each job before it takes a slot (sending). Default 0. */
  readonly latencyMs?: number
  /** Decides what goes wrong with a call; before the worker's own fault. */
  readonly script?: (call: FakeCall) => Fault | undefined
  /** The whole system is unreachable in these spans of time: running jobs fail at their beginning, new ones at once. */
  readonly outages?: readonly { readonly fromMs: number; readonly toMs: number }[]
  /** Each worker is an endpoint of its own, named for it. Default: one endpoint, named as the distributor, that hides its workers. */
  readonly endpointPerWorker?: boolean
  /** Jobs of the one endpoint begin when a worker has a free slot, and `attempt.started()` tells. Default false: when they are sent. */
  readonly hasQueue?: boolean
  /** Replaces what `endpoints()` says of an endpoint. */
  readonly status?: (truth: Endpoint) => unknown
  /** The distributor's `probe`. */
  readonly probe?: (endpoint: Endpoint, signal: AbortSignal) => Promise<void>
  /** The good result. Default: an object of eight bytes that names the job. */
  readonly result?: (job: BackendJob, worker: string) => CompileResult | Promise<CompileResult>
  /** A worker that failed gets no job for this long, and does not count as slots, unless all are resting. Default 10,000. */
  readonly restWorkerMs?: number
  readonly prepare?: (jobs: readonly BackendJob[], signal: AbortSignal, waiting: WaitingJobs) => Promise<void>
}

/** What tests look at. */
export interface FakeDistributor extends Distributor {
  readonly calls: readonly { readonly job: number; readonly atMs: number }[]
  /** Calls that have not settled. */
  readonly inFlight: number
  readonly maxInFlight: number
  readonly closed: boolean
}

interface Worker extends FakeWorker {
  busy: number
  restUntilMs: number
}

interface Running {
  readonly job: BackendJob
  readonly call: number
  readonly worker: Worker
  readonly sentMs: number
  readonly attempt: Attempt
  readonly resolve: (value: CompileResult) => void
  readonly reject: (error: unknown) => void
}

export function fakeDistributor(options: FakeOptions): FakeDistributor {
  const { clock } = options
  const name = options.name ?? 'fake'
  const workers: Worker[] = (options.workers ?? [{ name: 'w0', slots: 1 }]).map((worker) => ({
    ...worker,
    busy: 0,
    restUntilMs: 0,
  }))
  const calls: { job: number; atMs: number }[] = []
  const waiting: (() => void)[] = []
  let inFlight = 0
  let maxInFlight = 0
  let closed = false
  let destroyed = false
  /** What `destroy` calls: calls that wait for an answer, and jobs that run. */
  const aborts = new Set<() => void>()
  const drained: (() => void)[] = []

  const isOut = (nowMs: number): boolean =>
    (options.outages ?? []).some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs)
  const nextOutage = (nowMs: number): number =>
    Math.min(Infinity, ...(options.outages ?? []).filter(({ fromMs }) => fromMs > nowMs).map(({ fromMs }) => fromMs))
  const failure = (code: ErrorCode, what: string): DtltoError =>
    new DtltoError(code, `${what} '${name}'`, { details: { distributor: name } })

  /** Rested workers do not count, unless there are no others. */
  function awake(): Worker[] {
    const nowMs = clock.now()
    const fit = workers.filter((worker) => worker.restUntilMs <= nowMs)
    return fit.length > 0 ? fit : workers
  }

  /** The least loaded worker with a free slot; of one endpoint if it is given. */
  function freeWorker(only?: string): Worker | undefined {
    let best: Worker | undefined
    for (const worker of only === undefined ? awake() : workers.filter(({ name }) => name === only)) {
      if (worker.busy >= worker.slots) continue
      if (best === undefined || worker.busy / worker.slots < best.busy / best.slots) best = worker
    }
    return best
  }

  function compile(job: BackendJob, endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> {
    const { signal } = attempt
    const at = options.endpointPerWorker === true ? endpoint.id : undefined
    const call = calls.push({ job: job.index, atMs: clock.now() }) - 1
    const early = options.script?.({ call, job, worker: '', nowMs: clock.now() })
    if (early?.kind === 'throw') throw early.value
    maxInFlight = Math.max(maxInFlight, ++inFlight)
    let onAbort = (): void => undefined
    const promise = new Promise<CompileResult>((resolve, reject) => {
      const sentMs = clock.now()
      onAbort = () => reject(failure('DTLTO_CANCELLED', 'aborted on'))
      if (early?.kind !== 'ignore-abort') {
        signal.addEventListener('abort', onAbort, { once: true })
        aborts.add(onAbort)
      }
      clock.setTimer(sentMs + (options.latencyMs ?? 0), () =>
        begin({ job, call, sentMs, attempt, resolve, reject }, at, early),
      )
    })
    const settled = (): void => {
      signal.removeEventListener('abort', onAbort)
      aborts.delete(onAbort)
      if (--inFlight > 0) return
      for (const done of drained.splice(0)) done()
    }
    promise.then(settled, settled)
    if (early?.kind !== 'answer-twice') return promise
    const twice = (callback: (value: unknown) => unknown, failed: (error: unknown) => unknown): unknown =>
      promise.then((value) => [callback(value), callback('a second answer')], failed)
    return { then: twice } as unknown as Promise<CompileResult>
  }

  function begin(sent: Omit<Running, 'worker'>, at: string | undefined, early: Fault | undefined): void {
    const { signal } = sent.attempt
    if ((signal.aborted || destroyed) && early?.kind !== 'ignore-abort') return
    if (isOut(clock.now())) return sent.reject(failure('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'cannot reach'))
    const worker = freeWorker(at)
    if (worker === undefined) return void waiting.push(() => begin(sent, at, early))
    if (options.hasQueue === true) sent.attempt.started()
    run({ ...sent, worker }, signal, early ?? worker.fault)
  }

  function run(running: Running, signal: AbortSignal, fault: Fault | undefined): void {
    const { job, worker, reject, sentMs } = running
    const startedMs = clock.now()
    worker.busy++
    let over = false
    const end = (settle: () => void): void => {
      if (over) return
      over = true
      cancelEnd?.()
      cancelOutage?.()
      signal.removeEventListener('abort', onAbort)
      aborts.delete(onAbort)
      worker.busy--
      settle()
      if (options.endpointPerWorker === true) for (const begin of waiting.splice(0)) begin()
      else while (waiting.length > 0 && freeWorker() !== undefined) waiting.shift()?.()
    }
    const onAbort = (): void => end(() => reject(failure('DTLTO_CANCELLED', 'aborted on')))
    if (fault?.kind !== 'ignore-abort') {
      signal.addEventListener('abort', onAbort)
      aborts.add(onAbort)
    }
    const outageMs = nextOutage(startedMs)
    const cancelOutage = Number.isFinite(outageMs)
      ? clock.setTimer(outageMs, () =>
          end(() => reject(failure('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'lost the connection to'))),
        )
      : undefined
    const compileMs =
      ((options.durationMs?.(job) ?? job.cost) / (worker.speed ?? 1)) * (fault?.kind === 'slow' ? fault.factor : 1)
    const answer = (): void =>
      end(() => answerTo(running, fault, { queuedMs: 0, sendMs: startedMs - sentMs, compileMs }))
    const afterMs = answersAfterMs(fault, compileMs)
    const cancelEnd = afterMs === undefined ? undefined : clock.setTimer(startedMs + afterMs, answer)
  }

  function answerTo({ job, worker, resolve, reject }: Running, fault: Fault | undefined, timings: object): void {
    switch (fault?.kind) {
      case 'trouble':
        worker.restUntilMs = clock.now() + (options.restWorkerMs ?? 10_000)
        return reject(failure(fault.code ?? 'DTLTO_DISTRIBUTOR_FAILED', `worker '${worker.name}' failed in`))
      case 'reject':
      case 'throw':
        return reject(fault.value)
      case 'garbage':
        return resolve(fault.value as CompileResult)
      case 'cannot':
        return resolve({ kind: 'cannot', reason: fault.reason, ...(fault.isMiss && { isMiss: true }) })
      case 'does-not-compile':
        return resolve({
          kind: 'does-not-compile',
          diagnostics: [{ severity: 'error', message: fault.message }],
          worker: worker.name,
        })
      case 'truncated':
        return resolve(objectOf(job, worker.name, timings, 4))
      case undefined:
      case 'slow':
      case 'answer-twice':
      case 'hang':
      case 'ignore-abort':
        if (options.result === undefined) return resolve(objectOf(job, worker.name, timings, 8))
        Promise.resolve(options.result(job, worker.name)).then(resolve, reject)
    }
  }

  function endpoints(): readonly Endpoint[] {
    const truths: Endpoint[] =
      options.endpointPerWorker === true
        ? workers.map((worker) => ({ id: worker.name, slots: worker.slots, accepting: !closed }))
        : [
            {
              id: name,
              slots: awake().reduce((sum, worker) => sum + worker.slots, 0),
              accepting: !closed,
              ...(options.hasQueue === true ? { hasQueue: true } : {}),
            },
          ]
    const { status } = options
    return status === undefined ? truths : truths.map((truth) => status(truth) as Endpoint)
  }

  return {
    endpoints,
    compile,
    ...(options.prepare === undefined ? {} : { prepare: options.prepare }),
    ...(options.probe === undefined ? {} : { probe: options.probe }),
    close: () => {
      closed = true
      return inFlight === 0 ? Promise.resolve() : new Promise((resolve) => void drained.push(resolve))
    },
    destroy: () => {
      closed = destroyed = true
      for (const abort of [...aborts]) abort()
    },
    calls,
    get inFlight() {
      return inFlight
    },
    get maxInFlight() {
      return maxInFlight
    },
    get closed() {
      return closed
    },
  }
}

/** Undefined: never. */
function answersAfterMs(fault: Fault | undefined, compileMs: number): number | undefined {
  if (fault?.kind === 'hang' || fault?.kind === 'ignore-abort') return undefined
  return fault?.kind === 'trouble' ? fault.afterMs : compileMs
}

/** `OBJ!`, then the job's index: `isWhole` tells it from a truncated one. */
function objectOf(job: BackendJob, worker: string, timings: object, bytes: number): CompileResult {
  const object = new Uint8Array(8)
  object.set([0x4f, 0x42, 0x4a, 0x21])
  new DataView(object.buffer).setUint32(4, job.index)
  return { kind: 'object', object: object.subarray(0, bytes), diagnostics: [], sideOutputs: [], timings, worker }
}

/** Whether these bytes are the fake's object for that job, and complete. */
export function isWholeFakeObject(object: Uint8Array, job: BackendJob): boolean {
  return object.byteLength === 8 && new DataView(object.buffer, object.byteOffset).getUint32(4) === job.index
}
