/** One link on one set of machines: by the real scheduler on a virtual clock, and by plain FIFO. */
import { placeOnce } from '../../packages/dtlto/src/plan/place-once.js'
import { Endpoints } from '../../packages/dtlto/src/scheduler/endpoints.js'
import type { SchedulerEvent } from '../../packages/dtlto/src/scheduler/events.js'
import { completePolicy } from '../../packages/dtlto/src/scheduler/policy.js'
import { schedule } from '../../packages/dtlto/src/scheduler/schedule.js'
import { asHome } from '../../packages/dtlto/src/scheduler/test-link.fixture.js'
import { fakeDistributor, fakeJob, VirtualClock, type FakeWorker } from '../../packages/testkit/src/index.js'
import type { Link } from './links.js'

export interface Machines {
  /** Each is one distributor. */
  readonly distributors: readonly {
    readonly name: string
    readonly workers: readonly FakeWorker[]
    readonly latencyMs: number
    /** Each machine is an endpoint. Else there is one, a cluster that hides its machines. */
    readonly endpointPerWorker: boolean
    /** The cluster has a queue, and tells when a job begins. */
    readonly hasQueue?: boolean
  }[]
  /** Cores of the linking machine; those that do not take part are the fallback. */
  readonly home: { readonly slots: number; readonly takesPart: boolean }
}

export interface Outcome {
  readonly makespanMs: number
  readonly retries: number
  readonly hedges: number
  readonly unfinished: number
}

export async function simulate(link: Link, machines: Machines, knowsPast: boolean): Promise<Outcome> {
  const clock = new VirtualClock()
  const jobs = link.jobs.map((job, i) => fakeJob(i, { cost: job.cost, moduleId: job.module, bitcodeBytes: job.bytes }))
  const durationMs = (job: { readonly index: number }): number => link.jobs[job.index]?.measuredMs ?? 0
  const counts: Partial<Record<SchedulerEvent['kind'], number>> = {}
  const place = placeOnce()
  const { slots, takesPart } = machines.home
  const local = fakeDistributor({ clock, name: 'local', durationMs, workers: [{ name: 'local', slots }] })
  const onEvent = ({ kind }: SchedulerEvent): void => void (counts[kind] = (counts[kind] ?? 0) + 1)
  const endpoints = new Endpoints({
    distributors: machines.distributors.map(({ name, ...farm }) => ({
      name,
      distributor: fakeDistributor({ clock, name, durationMs, ...farm }),
    })),
    clock,
    policy: completePolicy(),
    onEvent,
  })
  const results = await clock.run(
    schedule({
      jobs,
      clock,
      home: asHome(local, place),
      homeTakesPart: takesPart,
      endpoints,
      ...(knowsPast ? { pastMs: durationMs } : {}),
      accept: place,
      onEvent,
    }),
  )
  const unfinished = results.filter((result) => result.kind !== 'done').length
  return {
    makespanMs: clock.now(),
    retries: counts['job-requeued'] ?? 0,
    hedges: counts['job-hedged'] ?? 0,
    unfinished,
  }
}

/** No makespan can be shorter. `promised`: all slots at nominal speed; else by what machines really do, dead ones nothing. */
export function lowerBound(link: Link, machines: Machines, promised: boolean): number {
  const slots = allSlots(machines).reduce((sum, slot) => sum + (promised ? 1 : slot.dead ? 0 : slot.speed), 0)
  const work = link.jobs.reduce((sum, job) => sum + job.measuredMs, 0)
  return Math.max(work / slots, ...link.jobs.map((job) => job.measuredMs))
}

/** The next job in lld's order to the next free slot; a job that failed goes to the end of the queue. Nothing else. */
export function fifo(link: Link, machines: Machines): number {
  const slots = allSlots(machines).map((slot) => ({ ...slot, freeMs: 0 }))
  const queue = link.jobs.map((_, i) => ({ job: i, readyMs: 0 }))
  let endMs = 0
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    let slot = slots[0]
    for (const other of slots) if (slot === undefined || other.freeMs < slot.freeMs) slot = other
    if (slot === undefined) return Infinity
    const startMs = Math.max(slot.freeMs, next.readyMs) + slot.latencyMs
    if (slot.failsAfterMs !== undefined) {
      slot.freeMs = startMs + slot.failsAfterMs
      queue.push({ job: next.job, readyMs: slot.freeMs })
    } else {
      slot.freeMs = startMs + (link.jobs[next.job]?.measuredMs ?? 0) / slot.speed
      endMs = Math.max(endMs, slot.freeMs)
    }
  }
  return endMs
}

function allSlots(
  machines: Machines,
): { speed: number; latencyMs: number; dead: boolean; failsAfterMs: number | undefined }[] {
  const { slots, takesPart } = machines.home
  const local: FakeWorker = { name: 'local', slots: takesPart ? slots : 0 }
  const home = { workers: [local], latencyMs: 0 }
  return [home, ...machines.distributors].flatMap(({ workers, latencyMs }) =>
    workers.flatMap(({ slots, speed = 1, fault }) =>
      Array.from({ length: slots }, () => ({
        speed,
        latencyMs,
        dead: fault !== undefined,
        failsAfterMs: fault?.kind === 'trouble' ? fault.afterMs : undefined,
      })),
    ),
  )
}
