/**
 * `--distribute-trace=FILE`: the link as Chrome trace events, for ui.perfetto.dev or chrome://tracing. One process for lld's phases, and
 * one for each distributor with a row for each job that was in flight at a time. Format: the "Trace Event Format" document of the Chromium
 * project; times are microseconds from the start of the process.
 */
import { writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { LinkEvent } from '../link/events.js'
import type { SchedulerEvent } from '../scheduler/events.js'

interface TraceEvent {
  readonly name: string
  readonly ph: 'X' | 'M' | 'i'
  readonly pid: number
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly s?: 'p'
  readonly args?: Readonly<Record<string, unknown>>
}

type Started = Extract<SchedulerEvent, { kind: 'attempt-started' }>

export class LinkTrace {
  readonly #events: TraceEvent[] = []
  readonly #running = new Map<number, { readonly event: Started; readonly row: number }>()
  readonly #rows = new Map<string, boolean[]>()
  readonly #pids = new Map<string, number>()
  #jobs: readonly BackendJob[] = []
  #phaseSinceMs = 0

  constructor() {
    this.#name('process_name', 0, 0, 'lld')
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
      case 'scheduler':
        this.#scheduler(event.event)
        break
      case 'warning':
      case 'debug':
        this.#events.push({
          name: event.message,
          ph: 'i',
          s: 'p',
          pid: this.#pid(event.distributor),
          tid: 0,
          ts: us(performance.now()),
        })
        break
    }
  }

  /** Writes the file. Throws DTLTO_OPTION_INVALID if that is not possible. */
  save(path: string): void {
    try {
      writeFileSync(path, JSON.stringify({ traceEvents: this.#events, displayTimeUnit: 'ms' }))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new DtltoError('DTLTO_OPTION_INVALID', `--distribute-trace: cannot write '${path}': ${why}`, {
        cause: error,
      })
    }
  }

  #phase(name: string): void {
    const nowMs = performance.now()
    this.#events.push({
      name,
      ph: 'X',
      pid: 0,
      tid: 0,
      ts: us(this.#phaseSinceMs),
      dur: us(nowMs - this.#phaseSinceMs),
    })
    this.#phaseSinceMs = nowMs
  }

  #scheduler(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'attempt-started':
        this.#running.set(event.attempt, { event, row: this.#takeRow(event.distributor) })
        break
      case 'attempt-ended': {
        const started = this.#running.get(event.attempt)
        if (!started) break
        this.#running.delete(event.attempt)
        const rows = this.#rows.get(event.distributor)
        if (rows) rows[started.row] = false
        const job = this.#jobs[event.job]
        this.#events.push({
          name: job?.moduleId ?? `job ${String(event.job)}`,
          ph: 'X',
          pid: this.#pid(event.distributor),
          tid: started.row + 1,
          ts: us(started.event.atMs),
          dur: us(event.atMs - started.event.atMs),
          args: {
            job: event.job,
            cost: job?.cost,
            bitcodeBytes: job?.bitcodeBytes,
            importedModules: job?.importedModules,
            reason: started.event.reason,
            outcome: event.outcome.kind,
            ...(event.outcome.kind === 'trouble' ? { trouble: event.outcome.error.message } : {}),
            ...(event.worker === undefined ? {} : { worker: event.worker }),
            ...event.timings,
          },
        })
        break
      }
      case 'distributor-rested':
      case 'distributor-recovered':
      case 'distributor-retired':
        this.#events.push({
          name: event.kind,
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

  #takeRow(distributor: string): number {
    const rows = this.#rows.get(distributor) ?? []
    this.#rows.set(distributor, rows)
    const free = rows.indexOf(false)
    const row = free < 0 ? rows.length : free
    rows[row] = true
    return row
  }

  #pid(distributor: string): number {
    const known = this.#pids.get(distributor)
    if (known !== undefined) return known
    const pid = this.#pids.size + 1
    this.#pids.set(distributor, pid)
    this.#name('process_name', pid, 0, distributor)
    return pid
  }

  #name(kind: string, pid: number, tid: number, name: string): void {
    this.#events.push({ name: kind, ph: 'M', pid, tid, args: { name } })
  }
}

const us = (ms: number): number => Math.round(ms * 1000)
