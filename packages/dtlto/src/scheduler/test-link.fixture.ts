/** Helpers of the scheduler's tests: one link with fakes on a virtual clock. (Named .test.ts so that it is no part of the package.) */
import { fakeDistributor, fakeJob, isWholeFakeObject, VirtualClock } from '../../../testkit/src/index.js'
import type { FakeDistributor, FakeOptions } from '../../../testkit/src/index.js'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { SchedulerEvent } from './events.js'
import type { LaneSpec } from './lane.js'
import type { Policy } from './policy.js'
import type { ScheduleResult } from './result.js'
import { schedule, type ScheduleOptions } from './schedule.js'

export interface TestLane extends Omit<FakeOptions, 'clock'>, Pick<LaneSpec, 'opened'> {
  readonly isLocal?: boolean
  readonly role?: 'primary' | 'fallback'
}

export interface TestRun {
  readonly results: readonly ScheduleResult[]
  readonly events: readonly SchedulerEvent[]
  readonly makespanMs: number
  readonly fakes: Readonly<Record<string, FakeDistributor>>
  /** How often each job was placed. */
  readonly placed: readonly number[]
  readonly warnings: readonly string[]
}

export function slots(count: number, speed = 1): Pick<FakeOptions, 'workers'> {
  return { workers: [{ name: 'w', slots: count, speed }] }
}

export function costs(...ms: readonly number[]): BackendJob[] {
  return ms.map((cost, index) => fakeJob(index, { cost }))
}

/** The policy of tests: a unit of cost is guessed to be a millisecond, which it is. */
export async function link(
  jobs: readonly BackendJob[],
  lanes: Readonly<Record<string, TestLane>>,
  policy: Partial<Policy> = {},
  more: Partial<ScheduleOptions> & { readonly limitMs?: number; readonly during?: (clock: VirtualClock) => void } = {},
): Promise<TestRun> {
  const clock = new VirtualClock()
  const events: SchedulerEvent[] = []
  const placed = jobs.map(() => 0)
  const fakes: Record<string, FakeDistributor> = {}
  const distributors = Object.entries(lanes).map(([name, { isLocal = false, role, opened, ...options }]): LaneSpec => {
    const distributor = (fakes[name] = fakeDistributor({ ...options, clock, name }))
    return { name, distributor, isLocal, ...(role && { role }), ...(opened && { opened }) }
  })
  more.during?.(clock)
  const done = schedule({
    jobs,
    distributors,
    clock,
    policy: { guessedMsPerCost: 1, ...policy },
    accept: (job, result) => {
      const at = jobs.indexOf(job)
      if (result.kind === 'object' && !isWholeFakeObject(result.object, job)) {
        throw new DtltoError('DTLTO_OBJECT_REJECTED', `the object of '${job.moduleId}' is incomplete`)
      }
      if ((placed[at] ?? 0) > 0) return 'lost'
      placed[at] = (placed[at] ?? 0) + 1
      return 'placed'
    },
    onEvent: (event) => events.push(event),
    ...more,
  })
  const results = await clock.run(done, more.limitMs)
  const warnings = events.flatMap((event) =>
    event.kind === 'warning' ? [`${event.distributor}: ${event.warning}`] : [],
  )
  return { results, events, makespanMs: clock.now(), fakes, placed, warnings }
}

export function ofKind<K extends SchedulerEvent['kind']>(
  run: TestRun,
  kind: K,
): Extract<SchedulerEvent, { kind: K }>[] {
  return run.events.filter((event): event is Extract<SchedulerEvent, { kind: K }> => event.kind === kind)
}

export function starts(run: TestRun): string[] {
  return ofKind(run, 'attempt-started').map(({ job, distributor }) => `${String(job)}@${distributor}`)
}
