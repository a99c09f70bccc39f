/** What holds for every link, whatever the distributors do. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fakeJob } from '../../../testkit/src/index.js'
import type { Fault } from '../../../testkit/src/index.js'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError, type ErrorCode } from '../errors.js'
import { DEFAULT_POLICY } from './policy.js'
import { link, ofKind, slots, type TestLane, type TestRun } from './test-link.fixture.js'

const RUNS = { numRuns: 150 }

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('trouble' as const), afterMs: fc.integer({ min: 0, max: 500 }) }),
  fc.constant<Fault>({ kind: 'reject', value: 'no error' }),
  fc.constant<Fault>({ kind: 'throw', value: new Error('at once') }),
  fc.constant<Fault>({ kind: 'hang' }),
  fc.constant<Fault>({ kind: 'ignore-abort' }),
  fc.constant<Fault>({ kind: 'garbage', value: 7 }),
  fc.constant<Fault>({ kind: 'answer-twice' }),
  fc.constant<Fault>({ kind: 'truncated' }),
  fc.constant<Fault>({ kind: 'cannot', reason: 'no spelling' }),
  fc.constant<Fault>({ kind: 'does-not-compile', message: 'remote says no' }),
  fc.record({ kind: fc.constant('slow' as const), factor: fc.integer({ min: 2, max: 50 }) }),
)

/** Faults by number of the call: the pattern repeats. */
const script = fc.array(fc.option(fault, { nil: undefined, freq: 3 }), { minLength: 1, maxLength: 6 })

/** What a distributor is made of: a cluster that hides its machines, one with a queue of its own, or machines that are an endpoint each. */
type Shape = 'cluster' | 'queue' | 'machines'

/** What its `probe` does, if it has one. */
type ProbePlan = 'none' | 'works' | 'fails first' | 'fails' | 'refuses' | 'hangs'

interface RemotePlan {
  readonly shape: Shape
  readonly probe: ProbePlan
  readonly slots: number
  readonly speed: number
  readonly latencyMs: number
  readonly script: readonly (Fault | undefined)[]
  readonly outage: { readonly fromMs: number; readonly lastsMs: number } | undefined
}

const remote: fc.Arbitrary<RemotePlan> = fc.record({
  shape: fc.constantFrom<Shape>('cluster', 'queue', 'machines'),
  probe: fc.constantFrom<ProbePlan>('none', 'none', 'works', 'fails first', 'fails', 'refuses', 'hangs'),
  slots: fc.integer({ min: 1, max: 12 }),
  speed: fc.constantFrom(0.1, 0.5, 1, 3),
  latencyMs: fc.integer({ min: 0, max: 200 }),
  script,
  outage: fc.option(
    fc.record({ fromMs: fc.integer({ min: 0, max: 3000 }), lastsMs: fc.integer({ min: 1, max: 100_000 }) }),
    { nil: undefined },
  ),
})

interface Plan {
  readonly costs: readonly number[]
  readonly remotes: readonly RemotePlan[]
  readonly localSlots: number
  readonly localIsPrimary: boolean
}

const plan: fc.Arbitrary<Plan> = fc.record({
  costs: fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 0, maxLength: 60 }),
  remotes: fc.array(remote, { minLength: 0, maxLength: 4 }),
  localSlots: fc.integer({ min: 1, max: 4 }),
  localIsPrimary: fc.boolean(),
})

function run(plan: Plan, more: Parameters<typeof link>[3] = {}): Promise<TestRun> {
  const lanes: Record<string, TestLane> = {}
  plan.remotes.forEach(({ shape, probe, slots: count, speed, latencyMs, script, outage }, i) => {
    lanes[`remote-${String(i)}`] = {
      ...shapeOf(shape, count, speed),
      ...probeOf(probe),
      latencyMs,
      script: ({ call }) => script[call % script.length],
      outages: outage === undefined ? [] : [{ fromMs: outage.fromMs, toMs: outage.fromMs + outage.lastsMs }],
    }
  })
  lanes['local'] = { ...slots(plan.localSlots), isLocal: true, role: plan.localIsPrimary ? 'primary' : 'fallback' }
  return link(jobsOf(plan), lanes, {}, more)
}

function shapeOf(shape: Shape, count: number, speed: number): TestLane {
  switch (shape) {
    case 'cluster':
      return slots(count, speed)
    case 'queue':
      return { ...slots(count, speed), hasQueue: true, status: (truth) => ({ ...truth, slots: claimed(shape, count) }) }
    case 'machines':
      return {
        workers: Array.from({ length: count }, (_, i) => ({ name: `m${String(i)}`, slots: 1, speed })),
        endpointPerWorker: true,
      }
  }
}

/** Slots that it states: with a queue more than it has, so that jobs wait there. */
function claimed(shape: Shape, count: number): number {
  return shape === 'queue' ? count * 2 + 3 : count
}

function probeOf(plan: ProbePlan): TestLane {
  let calls = 0
  const fails = (code: ErrorCode) => Promise.reject(new DtltoError(code, 'the probe failed'))
  switch (plan) {
    case 'none':
      return {}
    case 'works':
      return { probe: () => Promise.resolve() }
    case 'fails first':
      return { probe: () => (calls++ === 0 ? fails('DTLTO_DISTRIBUTOR_UNAVAILABLE') : Promise.resolve()) }
    case 'fails':
      return { probe: () => fails('DTLTO_DISTRIBUTOR_UNAVAILABLE') }
    case 'refuses':
      return { probe: () => fails('DTLTO_ENDPOINT_REFUSED') }
    case 'hangs':
      return { probe: () => new Promise(() => undefined) }
  }
}

function jobsOf(plan: Plan): BackendJob[] {
  return plan.costs.map((cost, index) => fakeJob(index, { cost }))
}

describe('for every link, with any distributors and faults,', () => {
  it('every job is placed exactly once and ends exactly once, as long as this machine works', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const { results, placed, events } = await run(plan)
        assert.deepEqual(
          placed,
          plan.costs.map(() => 1),
        )
        assert.deepEqual(
          results.map((result) => result.kind),
          plan.costs.map(() => 'done'),
        )
        const ended = events.filter((event) => event.kind === 'job-ended').map((event) => event.job)
        assert.deepEqual(
          ended.sort((a, b) => a - b),
          plan.costs.map((_, i) => i),
        )
      }),
      RUNS,
    )
  })

  it('no distributor ever has more in flight than its slots, but for the local backlog and jobs that ignored their abort', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const { fakes, warnings } = await run(plan)
        plan.remotes.forEach(({ shape, slots }, i) => {
          if (warnings.some((warning) => warning.startsWith(`remote-${String(i)}: ignores-abort`))) return
          assert.ok((fakes[`remote-${String(i)}`]?.maxInFlight ?? 0) <= claimed(shape, slots))
        })
        assert.ok((fakes['local']?.maxInFlight ?? 0) <= plan.localSlots + DEFAULT_POLICY.homeBacklog)
      }),
      RUNS,
    )
  })

  it('every attempt that started ends, and what is not needed any more is aborted', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const result = await run(plan)
        const started = ofKind(result, 'attempt-started').map((event) => event.attempt)
        const ended = ofKind(result, 'attempt-ended').map((event) => event.attempt)
        assert.deepEqual(
          ended.sort((a, b) => a - b),
          started,
        )
      }),
      RUNS,
    )
  })

  it('an attempt begins once, after it was sent and before it ends; only in a queue it begins later or never', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const shapes = new Map<string, Shape>(plan.remotes.map(({ shape }, i) => [`remote-${String(i)}`, shape]))
        for (const { distributor, sentMs, startedMs, atMs } of ofKind(await run(plan), 'attempt-ended')) {
          if (shapes.get(distributor) !== 'queue') assert.equal(startedMs, sentMs)
          else if (startedMs !== undefined) assert.ok(sentMs <= startedMs && startedMs <= atMs)
        }
      }),
      RUNS,
    )
  })

  it('the same inputs and timings give the same decisions', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const [first, second] = [await run(plan), await run(plan)]
        assert.deepEqual(JSON.stringify(first.events), JSON.stringify(second.events))
      }),
      { numRuns: 50 },
    )
  })

  it('one warning at most is given for each distributor and kind', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const { warnings } = await run(plan)
        assert.equal(new Set(warnings).size, warnings.length)
      }),
      RUNS,
    )
  })

  it('cancelling at any time ends all jobs at that time', async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 0, max: 5000 }), async (plan, atMs) => {
        const controller = new AbortController()
        const { results, makespanMs } = await run(plan, {
          signal: controller.signal,
          during: (clock) => void clock.setTimer(atMs, () => controller.abort()),
        })
        assert.equal(results.length, plan.costs.length)
        assert.ok(makespanMs <= Math.max(atMs, 0))
      }),
      { numRuns: 50 },
    )
  })
})

describe('no starvation:', () => {
  it('a healthy farm leaves no slot idle while a job waits that could start there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom<Shape>('cluster', 'queue', 'machines'),
        async (costs, count, shape) => {
          const jobs = costs.map((cost, index) => fakeJob(index, { cost }))
          const { makespanMs } = await link(jobs, { farm: shapeOf(shape, count, 1) }, { hedge: false })
          const work = costs.reduce((sum, cost) => sum + cost, 0)
          const longest = Math.max(...costs)
          assert.ok(
            makespanMs <= work / count + longest * (1 - 1 / count) + 1e-6,
            'every list schedule keeps this bound',
          )
        },
      ),
      RUNS,
    )
  })

  it('a job that only this machine can compile is not forgotten behind others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 1, max: 8 }), async (special, count) => {
        const jobs = Array.from({ length: 60 }, (_, index) => fakeJob(index, { cost: 100 + index }))
        const farm: TestLane = {
          ...slots(count),
          script: ({ job }) => (job.index === special ? { kind: 'cannot', reason: 'x' } : undefined),
        }
        const { results } = await link(jobs, { farm, local: { ...slots(1), isLocal: true, role: 'fallback' } })
        assert.equal(results[special]?.kind === 'done' && results[special].distributor, 'local')
      }),
      RUNS,
    )
  })
})

describe('a dead system delays the link by a bounded time:', () => {
  const dead: Record<string, Omit<TestLane, 'workers'>> = {
    'one that refuses': { outages: [{ fromMs: 0, toMs: 1e12 }] },
    'one that swallows jobs': { script: () => ({ kind: 'hang' }) },
    'one that swallows jobs and aborts': { script: () => ({ kind: 'ignore-abort' }) },
    'one that never accepts': { status: (truth) => ({ ...truth, accepting: false }) },
    'one that dies in mid-link': { outages: [{ fromMs: 1500, toMs: 1e12 }] },
    'one that queues jobs and never begins': {
      status: (truth) => ({ ...truth, hasQueue: true }),
      script: () => ({ kind: 'hang' }),
    },
    'one whose probe never answers': { probe: () => new Promise(() => undefined) },
    'one whose probe fails': { probe: () => Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'down')) },
    'one that returns truncated objects': { script: () => ({ kind: 'truncated' }) },
  }
  for (const [what, lane] of Object.entries(dead)) {
    it(what, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 60 }),
          fc.integer({ min: 1, max: 20 }),
          fc.boolean(),
          fc.boolean(),
          async (costs, count, localIsPrimary, isOneEach) => {
            const jobs = costs.map((cost, index) => fakeJob(index, { cost }))
            const local: TestLane = { ...slots(2), isLocal: true, role: localIsPrimary ? 'primary' : 'fallback' }
            const machines = shapeOf(isOneEach ? 'machines' : 'cluster', count, 1)
            const { makespanMs, placed } = await link(jobs, { dead: { ...machines, ...lane }, local })
            assert.deepEqual(
              placed,
              costs.map(() => 1),
            )
            const alone = costs.reduce((sum, cost) => sum + cost, 0) / 2 + Math.max(...costs)
            assert.ok(makespanMs <= alone * 2 + 12_000, `took ${String(makespanMs)} ms instead of ${String(alone)} ms`)
          },
        ),
        { numRuns: 60 },
      )
    })
  }
})
