/**
 * `--distribute-trace=FILE`: the link as Chrome trace events, for ui.perfetto.dev or chrome://tracing. One process for lld's phases, and
 * one for each distributor, with as many rows for each of its endpoints as the endpoint had jobs at a time; an endpoint that names its workers has
 * rows for each of them (attempts that ended without an object have no worker). An attempt is a slice of category `compile`, and what is known of
 * its parts stands below it as slices of category `part`. It ends with the endpoint's answer: `checkMs` is how long the object was then checked. On this
 * machine a slice is the compile alone, as the thread that did it has measured it, so that there are never more at a time than threads; how long the job
 * waited for the thread is in `waitedMs`. An attempt that came to nothing on this machine has no slice: nobody knows when it ran.
 * Format: the "Trace Event Format" document of the Chromium project; times are microseconds from the start of the process. Processes and rows are
 * numbered from 1: Perfetto takes 0 for the idle process of the machine. Each phase says how long the event loop, on which distributors are, stood still at a time at most,
 * in `loopBlockedMs`.
 */
import { writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { BackendJob, CompileTimings } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { LinkEvent } from '../link/events.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { withoutSecrets } from './without-secrets.js'
import { whyNotFile } from '../why-not-file.js'
import { LoopWatch } from './loop-watch.js'
import { machineOf } from './place.js'

interface TraceEvent {
  readonly name: string
  readonly cat?: 'lld' | 'compile' | 'part'
  readonly ph: 'X' | 'M' | 'i'
  readonly pid: number
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly s?: 'p'
  readonly args?: Readonly<Record<string, unknown>>
}

type Ended = Extract<SchedulerEvent, { kind: 'attempt-ended' }>

/** A row of a distributor. */
interface Row {
  readonly machine: string
  readonly tid: number
  /** No attempt on it ends later. */
  endMs: number
}

/** The parts of an attempt, in the order in which they happen. */
const PARTS = [
  ['queue', 'queuedMs'],
  ['send', 'sendMs'],
  ['fetch', 'fetchMs'],
  ['compile', 'compileMs'],
  ['hand over', 'handOverMs'],
  ['receive', 'receiveMs'],
] as const

const LLD = 1

/** What the trace is of, for people: program, versions, command line. Perfetto shows them with the first slice. */
export type TraceFacts = Readonly<Record<string, string>>

export class LinkTrace {
  readonly #events: TraceEvent[] = []
  readonly #waitingSinceMs = new Map<number, number>()
  readonly #rows = new Map<string, Row[]>()
  readonly #pids = new Map<string, number>()
  #jobs: readonly BackendJob[] = []
  #phaseSinceMs = 0
  readonly #facts: TraceFacts
  readonly #loop = new LoopWatch()

  constructor(facts: TraceFacts = {}) {
    this.#facts = facts
    this.#name('process_name', LLD, 0, 'lld')
    this.#name('thread_name', LLD, 1, 'lld')
    this.#loop.start()
  }

  add(event: LinkEvent): void {
    switch (event.type) {
      case 'jobs':
        this.#jobs = event.jobs
        this.#phase('read inputs, resolve symbols, thin link')
        break
      case 'objects':
        this.#phase('ThinLTO backends')
        break
      case 'end':
        this.#phase(this.#jobs.length > 0 ? 'final link' : 'link without ThinLTO')
        break
      case 'modules':
      case 'progress':
        break
      case 'scheduler':
        this.#scheduler(event.event)
        break
      case 'warning':
      case 'debug':
        this.#events.push({
          name: withoutSecrets(event.message),
          ph: 'i',
          s: 'p',
          pid: this.#pid(event.distributor),
          tid: 0,
          ts: us(performance.now()),
        })
        break
      case 'memory':
        break
    }
  }

  /** Writes the file. Throws DTLTO_OPTION_INVALID, which begins with `place`, if that is not possible. */
  save(path: string, place = '--distribute-trace'): void {
    this.#loop.stop()
    try {
      writeFileSync(path, JSON.stringify({ traceEvents: this.#events, displayTimeUnit: 'ms', otherData: this.#facts }))
    } catch (error) {
      const why = `${place}: cannot write '${path}': ${whyNotFile(error)}`
      throw new DtltoError('DTLTO_OPTION_INVALID', why, { cause: error })
    }
  }

  #phase(name: string): void {
    const nowMs = performance.now()
    const loopBlockedMs = Math.round(this.#loop.takeLongestMs())
    this.#events.push({
      name,
      cat: 'lld',
      ph: 'X',
      pid: LLD,
      tid: 1,
      ts: us(this.#phaseSinceMs),
      dur: us(nowMs) - us(this.#phaseSinceMs),
      args: { ...(this.#phaseSinceMs === 0 && this.#facts), loopBlockedMs },
    })
    this.#phaseSinceMs = nowMs
  }

  #scheduler(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'job-queued':
      case 'job-requeued':
      case 'job-hedged':
        this.#waitingSinceMs.set(event.job, event.atMs)
        break
      case 'attempt-ended':
        this.#attempt(event)
        break
      case 'endpoint-rested':
      case 'endpoint-recovered':
      case 'endpoint-retired':
        this.#events.push({
          name: `${event.kind}: ${event.endpoint ?? event.distributor}`,
          ph: 'i',
          s: 'p',
          pid: this.#pid(event.distributor),
          tid: 0,
          ts: us(event.atMs),
        })
        break
      default:
    }
  }

  #attempt(ended: Ended): void {
    const { startedMs, answeredMs, outcome, worker, timings } = ended
    const home = isHome(ended)
    if (home && timings?.compileMs === undefined) return
    const sentMs = home ? (startedMs ?? ended.sentMs) : ended.sentMs
    const untilMs = home ? sentMs + (timings?.compileMs ?? 0) : (answeredMs ?? ended.atMs)
    const job = this.#jobs[ended.job]
    const pid = this.#pid(ended.distributor)
    const tid = this.#row(ended.distributor, machineOf(ended), sentMs, untilMs)
    const waitingSinceMs = this.#waitingSinceMs.get(ended.job)
    this.#events.push({
      name: job?.moduleId ?? `job ${String(ended.job)}`,
      cat: 'compile',
      ph: 'X',
      pid,
      tid,
      ts: us(sentMs),
      dur: us(untilMs) - us(sentMs),
      args: {
        job: ended.job,
        module: job?.moduleId,
        cost: job?.cost,
        bytes: job?.bitcodeBytes,
        importedModules: job?.importedModules,
        attempt: ended.attempt,
        reason: ended.reason,
        ...(waitingSinceMs === undefined ? {} : { waitedMs: Math.max(0, sentMs - waitingSinceMs) }),
        ...(answeredMs === undefined ? {} : { checkMs: ended.atMs - answeredMs }),
        outcome: outcome.kind,
        ...(outcome.kind === 'trouble' ? { trouble: outcome.error.message } : {}),
        ...(outcome.kind === 'cannot' ? { cannot: outcome.reason } : {}),
        endpoint: ended.endpoint,
        ...(worker === undefined ? {} : { worker }),
        ...timings,
      },
    })
    // A plugin says these numbers: they are cut where they would leave the attempt.
    const parts: CompileTimings = home ? {} : { queuedMs: (startedMs ?? sentMs) - sentMs, ...timings }
    let atMs = sentMs
    for (const [name, key] of PARTS) {
      const dur = Math.min(parts[key] ?? 0, untilMs - atMs)
      if (!(dur > 0)) continue
      this.#events.push({ name, cat: 'part', ph: 'X', pid, tid, ts: us(atMs), dur: us(atMs + dur) - us(atMs) })
      atMs += dur
    }
  }

  /** A row of this machine on which nothing else was going on. */
  #row(distributor: string, machine: string, startMs: number, endMs: number): number {
    const rows = this.#rows.get(distributor) ?? []
    this.#rows.set(distributor, rows)
    const free = rows.find((row) => row.machine === machine && row.endMs <= startMs)
    if (free) {
      free.endMs = endMs
      return free.tid
    }
    const row = { machine, tid: rows.length + 1, endMs }
    rows.push(row)
    this.#name('thread_name', this.#pid(distributor), row.tid, machine || distributor)
    return row.tid
  }

  #pid(distributor: string): number {
    const known = this.#pids.get(distributor)
    if (known !== undefined) return known
    const pid = LLD + this.#pids.size + 1
    this.#pids.set(distributor, pid)
    this.#name('process_name', pid, 0, distributor)
    return pid
  }

  #name(kind: string, pid: number, tid: number, name: string): void {
    this.#events.push({ name: kind, ph: 'M', pid, tid, args: { name } })
  }
}

/** The linker's own process, which the scheduler calls an attempt's place like any other. */
const isHome = ({ distributor, endpoint }: Ended): boolean => distributor === 'local' && endpoint === 'local'

/** Whole, so that the end of a slice is the start of the next: the length is the difference of two of these. */
const us = (ms: number): number => Math.round(ms * 1000)
