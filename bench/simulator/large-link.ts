/** A link over a large farm, simulated with the real scheduler; and what the scheduler takes for it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { placeOnce } from '../../packages/dtlto/src/plan/place-once.js'
import { Endpoints } from '../../packages/dtlto/src/scheduler/endpoints.js'
import type { SchedulerEvent } from '../../packages/dtlto/src/scheduler/events.js'
import { completePolicy } from '../../packages/dtlto/src/scheduler/policy.js'
import { schedule } from '../../packages/dtlto/src/scheduler/schedule.js'
import { fakeJob, VirtualClock } from '../../packages/testkit/src/index.js'
import { capacityOf, largeFarm, type LargeFarm, machinesOf } from './large-farm.js'
import type { Link } from './links.js'
import { Uplink } from './uplink.js'

export interface LargeOutcome {
  readonly makespanMs: number
  readonly boundMs: number
  /** What sets the bound. */
  readonly boundBy: 'longest job' | 'work ÷ slots' | 'uplink'
  readonly unfinished: number
  readonly retries: number
  readonly hedges: number
  /** What was sent ÷ what all jobs have. */
  readonly sent: number
  /** Processor time of the scheduler and its simulation, all threads of Node. */
  readonly usOfAJob: number
  /** What is alive when half of the jobs are done, beyond what was before the link; the simulation's part is in it. */
  readonly bytesOfAJob: number
}

/** `uplink`: bytes a millisecond. */
export async function simulateLarge(link: Link, farm: LargeFarm, uplink: number): Promise<LargeOutcome> {
  const clock = new VirtualClock()
  const jobs = link.jobs.map((job, i) => fakeJob(i, { cost: job.cost, moduleId: job.module, bitcodeBytes: job.bytes }))
  const machines = machinesOf(farm)
  const wire = new Uplink(clock, uplink)
  const durationMs = ({ index }: { readonly index: number }): number => link.jobs[index]?.measuredMs ?? 0
  const counts: Partial<Record<SchedulerEvent['kind'], number>> = {}
  const before = liveBytes()
  let [done, atHalf] = [0, 0]
  const start = process.cpuUsage()
  let measuring = { user: 0, system: 0 }
  const onEvent = ({ kind }: SchedulerEvent): void => {
    counts[kind] = (counts[kind] ?? 0) + 1
    if (kind !== 'job-ended' || ++done !== jobs.length >>> 1) return
    const begun = process.cpuUsage()
    atHalf = liveBytes()
    measuring = process.cpuUsage(begun)
  }
  const results = await clock.run(
    schedule({
      jobs,
      clock,
      home: undefined,
      homeTakesPart: false,
      endpoints: new Endpoints({
        distributors: [
          { name: 'farm', distributor: largeFarm({ ...farm, machines, clock, uplink: wire, durationMs }) },
        ],
        clock,
        policy: completePolicy({ fallback: 'none' }),
        onEvent,
      }),
      accept: placeOnce(),
      onEvent,
    }),
  )
  const { user, system } = process.cpuUsage(start)
  return {
    makespanMs: clock.now(),
    ...boundOf(link, capacityOf(machines), uplink),
    unfinished: results.filter(({ kind }) => kind !== 'done').length,
    retries: counts['job-requeued'] ?? 0,
    hedges: counts['job-hedged'] ?? 0,
    sent: wire.sentBytes / link.jobs.reduce((sum, { bytes }) => sum + bytes, 0),
    usOfAJob: (user + system - measuring.user - measuring.system) / jobs.length,
    bytesOfAJob: (atHalf - before) / jobs.length,
  }
}

/** No link can be shorter: each slot works all the time, the longest job takes its time, and every job's bytes go over the wire once. */
export function boundOf(link: Link, capacity: number, uplink: number): Pick<LargeOutcome, 'boundMs' | 'boundBy'> {
  let [workMs, longestMs, bytes] = [0, 0, 0]
  for (const job of link.jobs) {
    workMs += job.measuredMs
    longestMs = Math.max(longestMs, job.measuredMs)
    bytes += job.bytes
  }
  const parts = { 'longest job': longestMs, 'work ÷ slots': workMs / capacity, uplink: bytes / uplink } as const
  const [boundBy, boundMs] = (Object.entries(parts) as [LargeOutcome['boundBy'], number][]).reduce((most, part) =>
    part[1] > most[1] ? part : most,
  )
  return { boundBy, boundMs }
}

let collect: (() => void) | undefined

function liveBytes(): number {
  setFlagsFromString('--expose-gc')
  collect ??= runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
