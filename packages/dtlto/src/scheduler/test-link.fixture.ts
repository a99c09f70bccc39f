/** Helpers of the scheduler's tests: one link with fakes on a virtual clock. (Named .fixture.ts so that it is no part of the package.) */
import { fakeDistributor, fakeJob, isWholeFakeObject, VirtualClock } from '../../../testkit/src/index.js'
import type { FakeDistributor, FakeOptions, Fault } from '../../../testkit/src/index.js'
import type { BackendJob, Endpoint } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { DistributorSpec } from './distributor-state.js'
import { type EndpointMemory, Endpoints } from './endpoints.js'
import type { SchedulerEvent } from './events.js'
import type { Home } from './home.js'
import { completePolicy, type Policy } from './policy.js'
import type { ScheduleResult } from './result.js'
import { schedule, type ScheduleOptions } from './schedule.js'

export interface TestLane extends Omit<FakeOptions, 'clock'> {
  /** It is this machine. */
  readonly isLocal?: boolean
  readonly role?: 'primary' | 'fallback'
  /** It is open when this resolves. */
  readonly opened?: Promise<void>
  /** What `endpoints()` gives instead of all of them. */
  readonly snapshot?: (all: readonly Endpoint[]) => readonly Endpoint[]
  readonly hasOwnEndpoints?: boolean
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

/** Machines that are an endpoint each, called m0, m1, …; `faults` by number. */
export function machines(count: number, faults: Readonly<Record<number, Fault>> = {}): TestLane {
  const workers = Array.from({ length: count }, (_, i) => {
    const fault = faults[i]
    return { name: `m${String(i)}`, slots: 1, ...(fault === undefined ? {} : { fault }) }
  })
  return { workers, endpointPerWorker: true }
}

export function costs(...ms: readonly number[]): BackendJob[] {
  return ms.map((cost, index) => fakeJob(index, { cost }))
}

type More = Partial<ScheduleOptions> & {
  readonly limitMs?: number
  readonly during?: (clock: VirtualClock) => void
  readonly memory?: EndpointMemory
  /** Replaces the `compile` of every fake that is no home. */
  readonly wrap?: (fake: FakeDistributor) => FakeDistributor['compile']
}

/** The policy of tests: a unit of cost is guessed to be a millisecond, which it is. */
export async function link(
  jobs: readonly BackendJob[],
  lanes: Readonly<Record<string, TestLane>>,
  policy: Partial<Policy> = {},
  { limitMs, during, memory, wrap, ...more }: More = {},
): Promise<TestRun> {
  const clock = new VirtualClock()
  const events: SchedulerEvent[] = []
  const placed = jobs.map(() => 0)
  const fakes: Record<string, FakeDistributor> = {}
  const place = (job: BackendJob): 'placed' | 'lost' => {
    const at = jobs.indexOf(job)
    if ((placed[at] ?? 0) > 0) return 'lost'
    placed[at] = (placed[at] ?? 0) + 1
    return 'placed'
  }
  let home: Home | undefined
  let homeTakesPart = false
  const distributors: DistributorSpec[] = []
  for (const [name, { isLocal = false, role, opened, snapshot, hasOwnEndpoints = false, ...options }] of Object.entries(
    lanes,
  )) {
    const fake = (fakes[name] = fakeDistributor({ ...options, clock, name }))
    const all = fake.endpoints.bind(fake)
    if (wrap && !isLocal) Object.assign(fake, { compile: wrap(fake) })
    if (snapshot) Object.assign(fake, { endpoints: () => snapshot(all()) })
    if (!isLocal) distributors.push({ name, distributor: opened ? opened.then(() => fake) : fake, hasOwnEndpoints })
    else {
      home = asHome(fake, place)
      homeTakesPart = role !== 'fallback'
    }
  }
  during?.(clock)
  const onEvent = more.onEvent ?? ((event: SchedulerEvent): void => void events.push(event))
  const complete = completePolicy({ guessedMsPerCost: 1, ...policy })
  const endpoints = new Endpoints({ distributors, clock, policy: complete, onEvent, memory })
  const done = schedule({
    jobs,
    home: complete.fallback === 'none' && !homeTakesPart ? undefined : home,
    homeTakesPart,
    endpoints,
    clock,
    accept: (job, result) => {
      if (!isWholeFakeObject(result.object, job))
        throw new DtltoError('DTLTO_OBJECT_REJECTED', `the object of '${job.moduleId}' is incomplete`)
      return place(job)
    },
    ...more,
    onEvent,
  })
  const results = await clock.run(done, limitMs)
  const warnings = events.flatMap((event) =>
    event.kind === 'warning' ? [`${event.distributor}: ${event.warning}`] : [],
  )
  return { results, events, makespanMs: clock.now(), fakes, placed, warnings }
}

/** A fake as this machine. */
export function asHome(fake: FakeDistributor, place: (job: BackendJob) => 'placed' | 'lost'): Home {
  const endpoint = fake.endpoints()[0]
  if (endpoint === undefined) throw new Error('the fake has no endpoint')
  return {
    slots: endpoint.slots,
    prepare: () => undefined,
    onSlotsChanged: () => () => undefined,
    compile: async (job, signal) => {
      const result = await fake.compile(job, endpoint, { signal, started: () => undefined })
      if (result.kind === 'does-not-compile') return result
      if (result.kind === 'cannot') throw new Error('this machine can compile all')
      return place(job) === 'placed' ? { kind: 'compiled', timings: result.timings } : { kind: 'lost' }
    },
  }
}

export function ofKind<K extends SchedulerEvent['kind']>(
  run: TestRun,
  kind: K,
): Extract<SchedulerEvent, { kind: K }>[] {
  return run.events.filter((event): event is Extract<SchedulerEvent, { kind: K }> => event.kind === kind)
}

/** Every job was placed once and is done. */
export function isDone({ results, placed }: TestRun): boolean {
  return results.every(({ kind }) => kind === 'done') && placed.every((times) => times === 1)
}

/** Attempts by endpoint. */
export function startsAt(run: TestRun, endpoint: string): Extract<SchedulerEvent, { kind: 'attempt-started' }>[] {
  return ofKind(run, 'attempt-started').filter((event) => event.endpoint === endpoint)
}

export function starts(run: TestRun): string[] {
  return ofKind(run, 'attempt-started').map(({ job, distributor }) => `${String(job)}@${distributor}`)
}
