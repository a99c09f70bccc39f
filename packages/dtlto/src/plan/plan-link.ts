/**
 * `dtlto plan`: how long would the backends of a recorded link take on other machines? The scheduler of real links, on the recorded jobs and a virtual clock. What it may know is
 * what it knows in a link: costs, and no durations.
 *
 * The machines: `slots` of them in all, as machines of eight, equally fast, as fast as those of the recording. A job is on its way there for `latencyMs`, and waits for its turn on the
 * one wire that all share, if that has a limit: its bitcode and that of its imports, once for each job, as distcc sends it. Before, it waits for its turn on the one thread that packs and
 * sends, which was measured in the recorded link: that is what keeps many slots waiting at the beginning. Nothing fails.
 */
import type { Attempt, BackendJob, CompileResult, Distributor, Endpoint } from '../distributors/interface.js'
import type { ReportDocument, ReportPlan } from '../report/report-document.js'
import { Endpoints } from '../scheduler/endpoints.js'
import { completePolicy } from '../scheduler/policy.js'
import { schedule } from '../scheduler/schedule.js'
import { placeOnce } from './place-once.js'
import { VirtualClock } from './virtual-clock.js'

export const SLOTS_OF_MACHINE = 8

export interface PlanOptions {
  readonly slots: readonly number[]
  readonly latencyMs: number
  /** Bytes a second; undefined: no limit. */
  readonly bandwidth: number | undefined
}

export interface PlannedJob {
  readonly module: string
  readonly cost: number
  /** What is sent: its own bitcode and that of its imports. */
  readonly bytes: number
  readonly ms: number
  /** Of the linker's one thread: packing, sending, taking over. */
  readonly threadMs: number
}

/**
 * What the report knows of the jobs that have an object: how long the compile alone took, wherever it was. What the link's thread did for all of them is each job's by its share of
 * the time that went by beside the compiles; in links of versions that did not measure it, and where this process compiled, it is nothing.
 */
export function jobsOf({ jobs, attempts, phases }: Pick<ReportDocument, 'jobs' | 'attempts' | 'phases'>): PlannedJob[] {
  const best = new Map<number, { readonly ms: number; readonly besideMs: number }>()
  for (const { job, outcome, sentMs, queuedMs = 0, endMs, compileMs } of attempts) {
    if (outcome !== 'placed' && outcome !== 'lost') continue
    const atPlaceMs = endMs - sentMs - queuedMs
    const ms = compileMs ?? atPlaceMs
    if (ms < (best.get(job)?.ms ?? Infinity)) best.set(job, { ms, besideMs: Math.max(0, atPlaceMs - ms) })
  }
  const allMs = [...best.values()].reduce((sum, { besideMs }) => sum + besideMs, 0)
  const share = allMs > 0 ? (phases.threadMs ?? 0) / allMs : 0
  return jobs.flatMap(({ module, cost, bitcodeBytes, importedBytes }, i) => {
    const known = best.get(i)
    if (known === undefined) return []
    const { ms, besideMs } = known
    return [{ module, cost, bytes: bitcodeBytes + importedBytes, ms, threadMs: besideMs * share }]
  })
}

export async function planLink(jobs: readonly PlannedJob[], options: PlanOptions): Promise<ReportPlan> {
  const points: { slots: number; backendsMs: number; lowerBoundMs: number }[] = []
  const workMs = jobs.reduce((sum, { ms }) => sum + ms, 0)
  const longestMs = jobs.reduce((most, { ms }) => Math.max(most, ms), 0)
  for (const slots of options.slots) {
    const backendsMs = await planOne(jobs, slots, options)
    points.push({
      slots,
      backendsMs: Math.round(backendsMs),
      lowerBoundMs: Math.round(Math.max(longestMs, workMs / slots)),
    })
  }
  const { latencyMs, bandwidth } = options
  return { latencyMs, ...(bandwidth === undefined ? {} : { bandwidth }), points }
}

/** Ten thousand years. */
const NEVER_MS = 3e14

async function planOne(jobs: readonly PlannedJob[], slots: number, options: PlanOptions): Promise<number> {
  const clock = new VirtualClock()
  const farm = simulatedFarm(jobs, slots, options, clock)
  const results = await clock.run(
    schedule({
      jobs: jobs.map(backendJob),
      home: undefined,
      homeTakesPart: false,
      endpoints: new Endpoints({
        distributors: [{ name: 'farm', distributor: farm }],
        clock,
        // Nothing is lost on the way to a simulated farm, however long it takes.
        policy: completePolicy({ fallback: 'none', deadlineFloorMs: NEVER_MS, giveUpMs: NEVER_MS }),
      }),
      clock,
      accept: placeOnce(),
    }),
  )
  const undone = results.filter(({ kind }) => kind !== 'done').length
  if (undone > 0) throw new Error(`bug in dtlto: ${String(undone)} of ${String(jobs.length)} planned jobs did not end`)
  return clock.now()
}

function simulatedFarm(
  jobs: readonly PlannedJob[],
  slots: number,
  { latencyMs, bandwidth }: PlanOptions,
  clock: VirtualClock,
): Distributor {
  const machines = Math.ceil(slots / SLOTS_OF_MACHINE)
  const endpoints = Array.from({ length: machines }, (_, i): Endpoint => {
    const rest = slots - i * SLOTS_OF_MACHINE
    return { id: `machine ${String(i + 1)}`, slots: Math.min(SLOTS_OF_MACHINE, rest), accepting: true }
  })
  let [threadFreeMs, wireFreeMs] = [0, 0]
  return {
    endpoints: () => endpoints,
    compile: ({ index }: BackendJob, _endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> => {
      const { bytes = 0, ms = 0, threadMs = 0 } = jobs[index] ?? {}
      threadFreeMs = Math.max(clock.now(), threadFreeMs) + threadMs
      const onWireMs = bandwidth === undefined ? 0 : (bytes / bandwidth) * 1000
      const sentMs = Math.max(threadFreeMs, wireFreeMs) + onWireMs
      if (bandwidth !== undefined) wireFreeMs = sentMs
      return new Promise((resolve, reject) => {
        const end = clock.setTimer(sentMs + latencyMs + ms, () =>
          resolve({
            kind: 'object',
            object: new Uint8Array(1),
            diagnostics: [],
            sideOutputs: [],
            timings: { compileMs: ms },
          }),
        )
        const endOfSending = clock.setTimer(sentMs, () => attempt.sent?.())
        const { signal } = attempt
        signal.addEventListener('abort', () => {
          endOfSending()
          end()
          reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
        })
      })
    },
    close: () => Promise.resolve(),
    destroy: () => undefined,
  }
}

function backendJob({ module, cost, bytes }: PlannedJob, index: number): BackendJob {
  return {
    index,
    task: index,
    moduleId: module,
    targetTriple: '',
    bitcodeBytes: bytes,
    importedModules: 0,
    importedBytes: 0,
    cost,
    cacheKey: () => '',
    package: () => Promise.resolve({ kind: 'cannot', reason: 'a planned job has no bytes' }),
  }
}
