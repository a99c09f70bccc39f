/** `--distribute-report`: writes down what happens in a link, and makes the document of it (report-document.ts). */
import { performance } from 'node:perf_hooks'
import type { BackendJob } from '../distributors/interface.js'
import type { LinkEvent } from '../link/events.js'
import { printableLine } from '../printable.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { analyse, tenths } from './analyse.js'
import type { ReportAttempt, ReportDocument, ReportIncident, ReportJob, ReportPlace } from './report-document.js'
import { isHomePlace } from './report-document.js'
import { threadTimeMs } from './thread-time.js'
import { withoutSecrets } from './without-secrets.js'

/** Of the jobs whose imports are named. */
const NAMED = 50
/** Of the imports of a job that are named. */
const IMPORTS = 200
const INCIDENTS = 1_000

/** What is known before the link. */
export type ReportFacts = Pick<
  ReportDocument,
  | 'program'
  | 'versions'
  | 'host'
  | 'startedAt'
  | 'output'
  | 'command'
  | 'workingDirectory'
  | 'settings'
  | 'distributors'
>

type Ended = Extract<SchedulerEvent, { kind: 'attempt-ended' }>

export class LinkReport {
  readonly #facts: ReportFacts
  readonly #now: () => number
  readonly #attempts: ReportAttempt[] = []
  readonly #incidents: ReportIncident[] = []
  readonly #places: ReportPlace[] = []
  readonly #placeNumbers = new Map<string, number>()
  readonly #queuedMs = new Map<number, number>()
  readonly #ends = new Map<number, Pick<ReportJob, 'result' | 'endedMs'>>()
  readonly #imports = new Map<number, readonly string[]>()
  #jobs: readonly BackendJob[] = []
  #modules = { total: 0, cacheHits: 0 }
  #jobsMs: number | undefined
  #objectsMs: number | undefined
  /** Of processor time: when the jobs came, then how much more until the objects were there. */
  #threadAtJobsMs = Number.NaN
  #threadMs = Number.NaN
  #end: { readonly atMs: number; readonly exitCode: number } | undefined

  /** `now`: milliseconds since the process started. */
  constructor(facts: ReportFacts, now: () => number = () => performance.now()) {
    this.#facts = facts
    this.#now = now
  }

  add(event: LinkEvent): void {
    switch (event.type) {
      case 'modules':
        this.#modules = { total: event.total, cacheHits: event.cacheHits }
        break
      case 'jobs':
        this.#jobs = event.jobs
        this.#jobsMs = this.#now()
        this.#threadAtJobsMs = threadTimeMs()
        break
      case 'scheduler':
        this.#scheduler(event.event)
        break
      case 'objects':
        this.#objectsMs = this.#now()
        this.#threadMs = threadTimeMs() - this.#threadAtJobsMs
        this.#nameImports(event.importsOf)
        break
      case 'warning':
        this.#incident({ atMs: this.#now(), kind: 'warning', distributor: event.distributor, text: event.message })
        break
      case 'end':
        this.#end = { atMs: this.#now(), exitCode: event.exitCode }
        break
      case 'progress':
      case 'memory':
      case 'debug':
        break
    }
  }

  document(): ReportDocument {
    const { atMs, exitCode } = this.#end ?? { atMs: this.#now(), exitCode: 1 }
    const phases = {
      ...(this.#jobsMs === undefined ? {} : { jobsMs: tenths(this.#jobsMs) }),
      ...(this.#objectsMs === undefined ? {} : { objectsMs: tenths(this.#objectsMs) }),
      endMs: tenths(atMs),
      ...(Number.isNaN(this.#threadMs) ? {} : { threadMs: tenths(this.#threadMs) }),
    }
    const jobs = this.#jobs.map((job, i): ReportJob => {
      const imports = this.#imports.get(i)
      return {
        module: job.moduleId,
        cost: job.cost,
        bitcodeBytes: job.bitcodeBytes,
        importedModules: job.importedModules,
        importedBytes: job.importedBytes,
        ...(this.#ends.get(i) ?? { result: 'cancelled', endedMs: tenths(atMs) }),
        ...(imports === undefined ? {} : { imports }),
      }
    })
    const facts = { jobs, attempts: this.#attempts, places: this.#places, phases }
    return {
      dtltoReport: 1,
      ...this.#facts,
      exitCode,
      modules: this.#modules,
      ...facts,
      incidents: this.#incidents,
      analysis: analyse(facts),
    }
  }

  #scheduler(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'job-queued':
      case 'job-requeued':
        this.#queuedMs.set(event.job, event.atMs)
        break
      case 'attempt-ended':
        this.#attempts.push(this.#attempt(event))
        break
      case 'job-ended':
        this.#ends.set(event.job, { result: event.result, endedMs: tenths(event.atMs) })
        break
      case 'job-hedged': {
        this.#queuedMs.set(event.job, event.atMs)
        const name = this.#jobs[event.job]?.moduleId ?? `job ${String(event.job)}`
        const text = `${name} is late: ${String(Math.round(event.elapsedMs))} ms, expected ${String(Math.round(event.expectedMs))} ms`
        this.#incident({ atMs: event.atMs, kind: 'late', distributor: '', text })
        break
      }
      case 'endpoint-rested':
      case 'endpoint-recovered':
      case 'endpoint-retired': {
        const kind = event.kind.replace('endpoint-', '') as 'rested' | 'recovered' | 'retired'
        const text = 'cause' in event ? event.cause.message : 'answers again'
        const at = event.endpoint === undefined ? {} : { endpoint: event.endpoint }
        this.#incident({ atMs: event.atMs, kind, distributor: event.distributor, ...at, text })
        break
      }
      case 'attempt-started':
      case 'attempt-answered':
      case 'warning': // comes as a warning of the link
        break
    }
  }

  #attempt(event: Ended): ReportAttempt {
    const { job, reason, outcome, sentMs, startedMs, timings } = event
    const home = isHomePlace(event)
    const queuedMs = timings?.queuedMs ?? (startedMs === undefined ? undefined : startedMs - sentMs)
    // Rounded so that the begin is as near to the truth as the end.
    const queue = queuedMs === undefined ? {} : { queuedMs: tenths(sentMs + queuedMs) - tenths(sentMs) }
    const times = Object.fromEntries(
      Object.entries({ ...timings, ...queue })
        .filter(([, ms]) => ms > 0)
        .map(([key, ms]) => [key, tenths(ms)]),
    )
    // What a thread of this machine has measured is nearer to the truth than when the event loop heard of it.
    const heardMs = event.answeredMs ?? event.atMs
    const endMs =
      home && timings?.compileMs !== undefined
        ? Math.min(heardMs, sentMs + (queuedMs ?? 0) + timings.compileMs)
        : heardMs
    const why =
      outcome.kind === 'trouble' ? outcome.error.message : outcome.kind === 'cannot' ? outcome.reason : undefined
    return {
      job,
      place: this.#place(event),
      reason,
      outcome: outcome.kind,
      ...(why === undefined ? {} : { why: line(why) }),
      ...(outcome.kind === 'cannot' && outcome.isMiss ? { isMiss: true } : {}),
      sentMs: tenths(sentMs),
      endMs: tenths(endMs),
      waitedMs: tenths(Math.max(0, sentMs - (this.#queuedMs.get(job) ?? sentMs))),
      ...times,
    }
  }

  #place({ distributor, endpoint, worker }: Ended): number {
    const key = `${distributor}\0${endpoint}\0${worker ?? ''}`
    const known = this.#placeNumbers.get(key)
    if (known !== undefined) return known
    const at = { distributor, endpoint: line(endpoint) }
    this.#places.push(worker === undefined ? at : { ...at, worker: line(worker) })
    this.#placeNumbers.set(key, this.#places.length - 1)
    return this.#places.length - 1
  }

  #nameImports(importsOf: (job: number) => readonly string[]): void {
    const lengthOf = ({ sentMs, endMs, queuedMs = 0 }: ReportAttempt): number => endMs - sentMs - queuedMs
    const slowest = this.#attempts.filter(({ outcome }) => outcome === 'placed')
    slowest.sort((a, b) => lengthOf(b) - lengthOf(a))
    for (const { job } of slowest.slice(0, NAMED)) this.#imports.set(job, importsOf(job).slice(0, IMPORTS))
  }

  #incident(incident: ReportIncident): void {
    if (this.#incidents.length < INCIDENTS)
      this.#incidents.push({ ...incident, atMs: tenths(incident.atMs), text: line(incident.text) })
  }
}

const line = (text: string): string => printableLine(withoutSecrets(text.split('\n', 1)[0] ?? text))
