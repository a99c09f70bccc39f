/** Deadlines and bytes in flight. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeJob, type VirtualClock } from '../../../testkit/src/index.js'
import type { BackendJob, Endpoint } from '../distributors/interface.js'
import { isDone, link, machines, ofKind, slots, type TestLane, type TestRun } from './test-link.fixture.js'

const hangsOnce: TestLane = { ...slots(1), script: ({ call }) => (call === 0 ? { kind: 'hang' } : undefined) }
const ofBytes = (index: number, bitcodeBytes: number, importedBytes = 0): BackendJob =>
  fakeJob(index, { cost: 100, bitcodeBytes, importedBytes })

/** When the attempt that hung was given up. */
function deadlineOf(run: TestRun): number {
  assert.ok(isDone(run))
  assert.deepEqual(run.warnings, ['farm: DTLTO_DEADLINE_EXCEEDED'])
  return ofKind(run, 'attempt-ended')[0]?.atMs ?? NaN
}

async function deadline(job: BackendJob, farm: TestLane = hangsOnce): Promise<number> {
  return deadlineOf(await link([job], { farm }, { hedge: false }))
}

describe('a deadline', () => {
  it('leaves time for the bytes of the job, imports too', async () => {
    const small = await deadline(ofBytes(0, 10_000))
    assert.ok(small > 30_000 && small < 30_200, `at ${String(small)} ms`)
    for (const job of [ofBytes(0, 220_000_000), ofBytes(0, 20_000_000, 200_000_000)]) {
      const large = await deadline(job)
      assert.ok(large > 250_000 && large < 250_200, `at ${String(large)} ms`)
    }
  })

  const stating = (more: Partial<Endpoint>): TestLane => ({ ...hangsOnce, status: (truth) => ({ ...truth, ...more }) })

  it("is never later than the endpoint's own limit", async () => {
    for (const bytes of [10_000, 220_000_000]) {
      const at = await deadline(ofBytes(0, bytes), stating({ deadlineMs: 2_000 }))
      assert.ok(at > 2_000 && at < 2_200, `at ${String(at)} ms`)
    }
    assert.ok((await deadline(ofBytes(0, 10_000), stating({ deadlineMs: 1e9 }))) < 30_200)
  })

  it('is not shortened by an endpoint that states nonsense', async () => {
    for (const deadlineMs of [0, -1, NaN, 'soon'] as number[]) {
      const at = await deadline(ofBytes(0, 10_000), stating({ deadlineMs }))
      assert.ok(at > 30_000, `${String(deadlineMs)}: at ${String(at)} ms`)
    }
  })
})

describe('jobs in flight', () => {
  /** The most attempts that had been sent to endpoints and not answered, at a time. */
  function mostInFlight({ events }: TestRun): number {
    let [now, highest] = [0, 0]
    for (const event of events) {
      if (event.kind === 'attempt-started') highest = Math.max(highest, ++now)
      if (event.kind === 'attempt-answered' || (event.kind === 'attempt-ended' && event.answeredMs === undefined)) now--
    }
    assert.equal(now, 0, 'all came back')
    return highest
  }

  it('are as many as there are slots, though objects take time to be checked', async () => {
    let clock: VirtualClock | undefined
    const checked = (): Promise<'placed'> =>
      new Promise((resolve) => void clock?.setTimer(clock.now() + 500, () => resolve('placed')))
    const jobs = Array.from({ length: 6 }, (_, i) => ofBytes(i, 10))
    const policy = { scoutShare: 0, hedge: false }
    const run = await link(jobs, { farm: slots(2) }, policy, {
      accept: checked,
      during: (its) => {
        clock = its
      },
    })
    assert.deepEqual(new Set(run.results.map(({ kind }) => kind)), new Set(['done']))
    assert.equal(mostInFlight(run), 2)
    assert.ok(run.makespanMs < 6 * 500, 'a slot has its next job while an object is checked')
    for (const { atMs, answeredMs = NaN } of ofKind(run, 'attempt-ended')) assert.equal(atMs - answeredMs, 500)
  })

  it('end with their attempts where there is no object', async () => {
    const troubled: TestLane = {
      ...slots(2),
      script: ({ call }) => (call < 2 ? { kind: 'trouble', afterMs: 10 } : undefined),
    }
    const run = await link(
      Array.from({ length: 4 }, (_, i) => ofBytes(i, 10)),
      { farm: troubled },
      { hedge: false },
    )
    assert.ok(isDone(run))
    assert.equal(mostInFlight(run), 2)
  })
})

describe('bytes in flight', () => {
  const MB = 1_000_000
  const most = { inFlightBytes: 1_000 * MB, scoutShare: 0 }

  /** The most bytes that were at endpoints at a time. */
  function mostBytes(run: TestRun, jobs: readonly BackendJob[]): number {
    const changes = run.events.flatMap((event) => {
      if (event.kind !== 'attempt-started' && event.kind !== 'attempt-ended') return []
      if (event.distributor === 'local') return []
      const { bitcodeBytes = 0, importedBytes = 0 } = jobs[event.job] ?? {}
      return [(event.kind === 'attempt-started' ? 1 : -1) * (bitcodeBytes + importedBytes)]
    })
    let [now, highest] = [0, 0]
    for (const change of changes) highest = Math.max(highest, (now += change))
    assert.equal(now, 0, 'all were let go')
    return highest
  }

  it('are bounded, whatever slots there are', async () => {
    const jobs = Array.from({ length: 40 }, (_, i) => ofBytes(i, 100 * MB, 200 * MB))
    const run = await link(jobs, { farm: machines(20) }, most)
    assert.ok(isDone(run))
    assert.equal(mostBytes(run, jobs), 900 * MB)
    assert.equal(run.fakes['farm']?.maxInFlight, 3)
  })

  it('count until they are sent', async () => {
    const jobs = Array.from({ length: 40 }, (_, i) => ofBytes(i, 100 * MB, 200 * MB))
    let clock: VirtualClock | undefined
    const run = await link(jobs, { farm: machines(20) }, most, {
      during: (its) => {
        clock = its
      },
      wrap: (fake) => {
        const compile = fake.compile.bind(fake)
        return (job, endpoint, attempt) => {
          clock?.setTimer(clock.now() + 10, () => attempt.sent?.())
          return compile(job, endpoint, attempt)
        }
      },
    })
    assert.ok(isDone(run))
    // Three jobs of 100 ms each 10 ms.
    assert.equal(run.fakes['farm']?.maxInFlight, 20)
    assert.ok(run.makespanMs < 300, `took ${String(run.makespanMs)} ms`)
  })

  it('never keep a job from going: one always goes, alone if need be', async () => {
    const jobs = [ofBytes(0, 5_000 * MB), ...Array.from({ length: 10 }, (_, i) => ofBytes(i + 1, 400 * MB))]
    const run = await link(jobs, { farm: slots(8) }, most)
    assert.ok(isDone(run))
    assert.equal(mostBytes(run, jobs), 5_000 * MB)
  })

  it('are let go when attempts fail, are abandoned or ignore their abort', async () => {
    const jobs = Array.from({ length: 60 }, (_, i) => ofBytes(i, 300 * MB))
    const farm = machines(6, {
      0: { kind: 'trouble', afterMs: 10 },
      1: { kind: 'hang' },
      2: { kind: 'truncated' },
      3: { kind: 'slow', factor: 30 },
    })
    const script: TestLane['script'] = ({ call }) => (call === 5 ? { kind: 'ignore-abort' } : undefined)
    const run = await link(jobs, { farm: { ...farm, script } }, { ...most, deadlineFloorMs: 2_000, abortGraceMs: 500 })
    assert.ok(isDone(run))
    assert.ok(run.makespanMs < 30_000, `took ${String(run.makespanMs)} ms`)
    assert.ok(mostBytes(run, jobs) <= 900 * MB)
  })

  it('do not count at home', async () => {
    const jobs = Array.from({ length: 12 }, (_, i) => ofBytes(i, 900 * MB))
    const run = await link(jobs, { farm: slots(4), local: { ...slots(4), isLocal: true } }, most)
    assert.ok(isDone(run))
    assert.equal(run.fakes['farm']?.maxInFlight, 1)
    assert.ok((run.fakes['local']?.maxInFlight ?? 0) >= 4)
  })
})
