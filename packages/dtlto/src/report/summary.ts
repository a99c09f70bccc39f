/**
 * `--distribute-summary`: what a link came to, in a few lines for people. Where the jobs ran, which modules took longest, what had to be
 * tried again and why.
 *
 *     summary: 374 ThinLTO jobs in 12.3 s, after 1.9 s of reading and planning; 0.8 s of final link
 *       local    120 jobs, up to 2 in flight, 24.2 s compiling
 *       distcc   254 jobs, up to 16 in flight, 181.0 s compiling, 102.4 MB of bitcode: build1 130, build2 124
 *       slowest  3.2 s libfoo.a(bar.o at 1234) on distcc (build1)
 *       again    distcc: 3 jobs, server 'build1' closed the connection
 *       twice    4 late jobs were started a second time; 3 times the second was first
 *       blocked  the event loop stood still for 3.0 s at a time: a distributor works on it, or this machine had no time for it
 */
import { performance } from 'node:perf_hooks'
import type { BackendJob } from '../distributors/interface.js'
import type { LinkEvent } from '../link/events.js'
import { printableLine } from '../printable.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { LoopWatch } from './loop-watch.js'
import { machineOf } from './place.js'
import { type Edge, edgesOf, isHomePlace, mostOf } from './report-document.js'

const SLOWEST = 5
/** The event loop should never stand still for more than some hundredths of it. */
const BLOCKED_MS = 1_000
const REASONS = 5
/** Of a large farm. */
const MACHINES = 16

type Ended = Extract<SchedulerEvent, { kind: 'attempt-ended' }>

interface Place {
  placed: number
  running: number
  /** Sent and not answered. */
  mostAtATime: number
  /** Of this machine alone: when compiles began and ended. */
  readonly edges: Edge[]
  compileMs: number
  /** What distributors say of their jobs' times beside that. */
  readonly times: { queuedMs: number; fetchMs: number; handOverMs: number }
  bitcodeBytes: number
  /** Jobs by machine. */
  readonly machines: Map<string, number>
}

interface Slow {
  readonly ms: number
  readonly job: number
  readonly where: string
}

export class LinkSummary {
  readonly #now: () => number
  readonly #inputs: (() => number) | undefined
  readonly #places = new Map<string, Place>()
  readonly #troubles = new Map<string, number>()
  #jobs: readonly BackendJob[] = []
  #modules = { total: 0, cacheHits: 0 }
  #slowest: Slow[] = []
  /** Jobs that a cache did not have, by distributor. */
  readonly #misses = new Map<string, number>()
  #secondsStarted = 0
  #secondsWon = 0
  #failed = 0
  /** While there were jobs. */
  readonly #loop = new LoopWatch()
  #blockedMs = 0
  #jobsMs: number | undefined
  #objectsMs: number | undefined
  #endMs: number | undefined
  #exitCode = 0

  /** `now`: milliseconds since the process started. `inputs`: how many objects and archives the link was given; asked if it has no ThinLTO module. */
  constructor(now: () => number = () => performance.now(), inputs?: () => number) {
    this.#now = now
    this.#inputs = inputs
  }

  add(event: LinkEvent): void {
    switch (event.type) {
      case 'modules':
        this.#modules = { total: event.total, cacheHits: event.cacheHits }
        break
      case 'jobs':
        this.#jobs = event.jobs
        this.#jobsMs = this.#now()
        this.#loop.start()
        break
      case 'objects':
        this.#objectsMs = this.#now()
        this.#blockedMs = this.#loop.takeLongestMs()
        this.#loop.stop()
        break
      case 'end':
        this.#endMs = this.#now()
        this.#exitCode = event.exitCode
        break
      case 'scheduler':
        this.#scheduler(event.event)
        break
      default:
    }
  }

  /** Some lines, each with its end. */
  text(): string {
    if (this.#jobsMs === undefined) return `summary: ${this.#whyNoJobs()}\n`
    const objectsMs = this.#objectsMs ?? this.#now()
    const endMs = this.#endMs ?? objectsMs
    const head =
      `summary: ${count(this.#jobs.length, 'ThinLTO job')} in ${seconds(objectsMs - this.#jobsMs)}, after ` +
      `${seconds(this.#jobsMs)} of reading and planning; ${seconds(endMs - objectsMs)} of final link`
    const rows: [title: string, text: string][] = [...this.#places]
      .filter(([, { placed }]) => placed > 0)
      .map(([name, place]) => [name, describePlace(name, place)])
    for (const [name, misses] of this.#misses)
      rows.push(['missed', `${name}: ${count(misses, 'job')} not in the cache`])
    const { total, cacheHits } = this.#modules
    if (cacheHits > 0) rows.push(['cache', `${String(cacheHits)} of ${String(total)} hits`])
    if (this.#failed > 0) rows.push(['failed', `${count(this.#failed, 'job')} without an object`])
    for (const [i, { ms, job, where }] of this.#slowest.entries()) {
      rows.push([
        i === 0 ? 'slowest' : '',
        `${seconds(ms)} ${this.#jobs[job]?.moduleId ?? `job ${String(job)}`} on ${where}`,
      ])
    }
    const troubles = [...this.#troubles].sort(([, a], [, b]) => b - a)
    for (const [i, [reason, times]] of troubles.slice(0, REASONS).entries()) {
      rows.push([i === 0 ? 'again' : '', `${count(times, 'time')} ${reason}`])
    }
    if (troubles.length > REASONS) rows.push(['', `and ${count(troubles.length - REASONS, 'more reason')}`])
    if (this.#secondsStarted > 0) {
      const won = `${count(this.#secondsWon, 'time')} the second was first`
      rows.push(['twice', `${count(this.#secondsStarted, 'late job')} started a second time; ${won}`])
    }
    if (this.#blockedMs >= BLOCKED_MS) {
      const why = 'a distributor works on it, or this machine had no time for it'
      rows.push(['blocked', `the event loop stood still for ${seconds(this.#blockedMs)} at a time: ${why}`])
    }
    const width = Math.max(...rows.map(([title]) => title.length), 0)
    return [head, ...rows.map(([title, text]) => `  ${title.padEnd(width)}  ${printableLine(text)}`), ''].join('\n')
  }

  #whyNoJobs(): string {
    const { total, cacheHits } = this.#modules
    // lld has complained before it looked at them.
    if (total === 0 && this.#exitCode !== 0) return 'no ThinLTO job: the link failed before'
    if (total === 0) {
      const inputs = this.#inputs?.() ?? 0
      return `0 ThinLTO modules among ${inputs === 0 ? 'the inputs' : count(inputs, 'input')}: compile with -flto=thin`
    }
    if (cacheHits === total) return `no ThinLTO job; cache: ${String(cacheHits)} of ${String(total)} hits`
    return `no ThinLTO job of ${count(total, 'module')}: the link failed before`
  }

  #scheduler(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'attempt-started': {
        const place = this.#place(event.distributor)
        place.running++
        // On this machine one more than there is room for waits for the next.
        if (!isHomePlace(event)) place.mostAtATime = Math.max(place.mostAtATime, place.running)
        place.bitcodeBytes += this.#jobs[event.job]?.bitcodeBytes ?? 0
        if (event.reason === 'hedge') this.#secondsStarted++
        break
      }
      case 'attempt-answered':
        this.#place(event.distributor).running--
        break
      case 'attempt-ended':
        this.#ended(event)
        break
      case 'job-ended':
        if (event.result === 'failed') this.#failed++
        break
      default:
    }
  }

  #ended(event: Ended): void {
    const place = this.#place(event.distributor)
    if (event.answeredMs === undefined) place.running--
    if (isHomePlace(event) && event.startedMs !== undefined)
      place.edges.push(...edgesOf(event.startedMs, event.answeredMs ?? event.atMs))
    switch (event.outcome.kind) {
      case 'placed': {
        const ms = event.timings?.compileMs ?? (event.answeredMs ?? event.atMs) - (event.startedMs ?? event.sentMs)
        const machine = machineOf(event)
        place.placed++
        place.compileMs += ms
        for (const key of ['queuedMs', 'fetchMs', 'handOverMs'] as const) place.times[key] += event.timings?.[key] ?? 0
        if (machine !== '') place.machines.set(machine, (place.machines.get(machine) ?? 0) + 1)
        if (event.reason === 'hedge') this.#secondsWon++
        this.#remember({ ms, job: event.job, where: event.distributor + (machine === '' ? '' : ` (${machine})`) })
        break
      }
      case 'trouble':
        this.#again(`${event.distributor}: ${event.outcome.error.message}`)
        break
      case 'cannot':
        if (event.outcome.isMiss) this.#misses.set(event.distributor, (this.#misses.get(event.distributor) ?? 0) + 1)
        else this.#again(`${event.distributor} cannot: ${event.outcome.reason}`)
        break
      case 'does-not-compile':
      case 'lost':
      case 'abandoned':
        break
    }
  }

  #again(reason: string): void {
    const line = reason.split('\n', 1)[0] ?? reason
    this.#troubles.set(line, (this.#troubles.get(line) ?? 0) + 1)
  }

  #remember(slow: Slow): void {
    if (this.#slowest.length === SLOWEST && slow.ms <= (this.#slowest.at(-1)?.ms ?? 0)) return
    this.#slowest = [...this.#slowest, slow].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST)
  }

  #place(distributor: string): Place {
    const known = this.#places.get(distributor)
    if (known) return known
    const place = {
      placed: 0,
      running: 0,
      mostAtATime: 0,
      edges: [],
      compileMs: 0,
      times: { queuedMs: 0, fetchMs: 0, handOverMs: 0 },
      bitcodeBytes: 0,
      machines: new Map(),
    }
    this.#places.set(distributor, place)
    return place
  }
}

function describePlace(name: string, place: Place): string {
  const facts = [
    count(place.placed, 'job'),
    `up to ${String(Math.max(place.mostAtATime, mostOf(place.edges)))} in flight`,
    `${seconds(place.compileMs)} compiling`,
  ]
  const { queuedMs, fetchMs, handOverMs } = place.times
  if (queuedMs > 0) facts.push(`${seconds(queuedMs)} in its queue`)
  if (fetchMs + handOverMs > 0)
    facts.push(`${seconds(fetchMs + handOverMs)} of fetching inputs and handing over outputs`)
  // In this process nothing is sent.
  if (name !== 'local') facts.push(`${(place.bitcodeBytes / 1e6).toFixed(1)} MB of bitcode`)
  const machines = [...place.machines].sort(([, a], [, b]) => b - a)
  const named = machines.slice(0, MACHINES).map(([machine, jobs]) => `${machine} ${String(jobs)}`)
  if (machines.length > MACHINES) named.push(`${String(machines.length - MACHINES)} more`)
  return `${facts.join(', ')}${named.length > 0 ? `: ${named.join(', ')}` : ''}`
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 995 ? 2 : 1)} s`

const count = (n: number, what: string): string => `${String(n)} ${what}${n === 1 ? '' : 's'}`
