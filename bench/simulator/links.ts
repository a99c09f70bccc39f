/** Links to simulate: made up, or recorded. */
import { readFileSync } from 'node:fs'

/** One job of a link: what the scheduler may know (cost), and what it may not (the true duration). */
export interface LinkJob {
  readonly module: string
  readonly cost: number
  readonly bytes: number
  readonly measuredMs: number
}

export interface Link {
  readonly name: string
  readonly jobs: readonly LinkJob[]
}

/**
 * A recorded link is a JSON file: `{ "dtltoLink": 1, "name": "git", "jobs": [{ "module", "cost", "bytes", "measuredMs" }] }`, jobs in
 * lld's order. A trace of `--distribute-trace` is read too: each attempt is a complete event (duration in microseconds) of
 * category `compile` whose `args` have `job`, `module`, `cost`, `bytes`, `outcome` and, where known, `compileMs`; of those that made an object
 * the shortest counts.
 */
export function readLink(file: string): Link {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (isRecord(value) && value['dtltoLink'] === 1 && Array.isArray(value['jobs'])) {
    return {
      name: text(value['name'], file),
      jobs: value['jobs'].map((job: unknown, i) => jobOf(job, `${file}: job ${String(i)}`)),
    }
  }
  const events: unknown = isRecord(value) ? value['traceEvents'] : value
  if (Array.isArray(events)) return { name: file, jobs: jobsOfTrace(events, file) }
  throw new Error(`expected a recorded link or a trace in '${file}' but found neither "dtltoLink": 1 nor "traceEvents"`)
}

function jobsOfTrace(events: readonly unknown[], file: string): LinkJob[] {
  const jobs = new Map<number, LinkJob>()
  for (const event of events) {
    if (!isRecord(event) || event['ph'] !== 'X' || event['cat'] !== 'compile' || !isRecord(event['args'])) continue
    if (event['args']['outcome'] !== 'placed' && event['args']['outcome'] !== 'lost') continue
    const index = event['args']['job']
    const measuredMs = event['args']['compileMs'] ?? Number(event['dur']) / 1000
    const job = jobOf({ ...event['args'], measuredMs }, file)
    if (typeof index !== 'number') throw new Error(`expected a number for "job" in '${file}'`)
    const other = jobs.get(index)
    if (other === undefined || job.measuredMs < other.measuredMs) jobs.set(index, job)
  }
  if (jobs.size === 0) throw new Error(`the trace '${file}' has no events of category "compile"`)
  return [...jobs].sort(([a], [b]) => a - b).map(([, job]) => job)
}

function jobOf(value: unknown, where: string): LinkJob {
  if (!isRecord(value)) throw new Error(`expected an object for ${where}`)
  const { cost, bytes, measuredMs } = value
  if (typeof cost !== 'number' || typeof measuredMs !== 'number' || !(measuredMs >= 0))
    throw new Error(`expected numbers for "cost" and "measuredMs" in ${where}`)
  return { module: text(value['module'], where), cost, bytes: typeof bytes === 'number' ? bytes : 0, measuredMs }
}

/**
 * A made-up link. Costs are log-normal (sigma 1: the longest of 3,000 is some thirty times the median, as in large C++ programs);
 * durations are the cost times a log-normal error (sigma 0.3), since instruction counts predict time only roughly.
 */
export function syntheticLink(count: number, seed = 1): Link {
  const random = normal(seed)
  const jobs = Array.from({ length: count }, (_, i): LinkJob => {
    const cost = Math.round(Math.exp(10 + random()))
    return { module: `m${String(i)}.o`, cost, bytes: cost * 12, measuredMs: cost * 0.04 * Math.exp(0.3 * random()) }
  })
  return { name: `synthetic ${count.toLocaleString('en')}${seed === 1 ? '' : `, seed ${String(seed)}`}`, jobs }
}

/** Standard normal numbers, the same for the same seed (mulberry32, then Box and Muller). */
function normal(seed: number): () => number {
  const uniform = uniforms(seed)
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** Numbers in [0, 1), the same for the same seed. */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}
