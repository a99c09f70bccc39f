/** Endpoints with a queue of their own: what waits in it is neither late nor has it a deadline. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { costs, isDone, link, ofKind, slots, startsAt, type TestLane, type TestRun } from './test-link.fixture.js'

const many = (count: number, ms = 1_000) => costs(...Array.from({ length: count }, () => ms))
const home = (role: TestLane['role'] = 'fallback'): TestLane => ({ ...slots(1), isLocal: true, role })

/** Runs `count` jobs at a time, and takes many more. */
function cluster(count: number, more: object = {}): TestLane {
  return { ...slots(count), hasQueue: true, status: (truth) => ({ ...truth, slots: 1_000, ...more }) }
}

/** An own queue that nothing ever leaves. */
const swallows: TestLane = {
  ...slots(4),
  status: (truth) => ({ ...truth, hasQueue: true }),
  script: () => ({ kind: 'hang' }),
}

const gaveUp = (run: TestRun) =>
  ofKind(run, 'attempt-ended').filter(({ outcome }) => outcome.kind === 'abandoned' || outcome.kind === 'trouble')

describe('time in the queue of an endpoint', () => {
  it('is neither lateness nor a missed deadline', async () => {
    const run = await link(many(40), { farm: cluster(2) }, { deadlineFloorMs: 3_000 })
    assert.ok(isDone(run))
    assert.equal(run.makespanMs, 20_000)
    assert.deepEqual(run.warnings, [])
    assert.equal(ofKind(run, 'job-hedged').length, 0)
    const ended = ofKind(run, 'attempt-ended')
    assert.equal(ended.length, 40)
    assert.ok(ended.every(({ atMs, startedMs }) => startedMs !== undefined && atMs - startedMs === 1_000))
    assert.ok(ended.some(({ sentMs, startedMs }) => startedMs !== undefined && startedMs - sentMs >= 15_000))
  })

  it('ends: what hangs after it has begun misses its deadline', async () => {
    const farm: TestLane = { ...cluster(1), script: ({ call }) => (call === 0 ? { kind: 'hang' } : undefined) }
    const run = await link(many(2), { farm }, { deadlineFloorMs: 3_000, hedge: false })
    assert.ok(isDone(run))
    assert.deepEqual(run.warnings, ['farm: DTLTO_DEADLINE_EXCEEDED'])
  })

  it('counts for placing: a long queue makes an endpoint slow', async () => {
    const run = await link(many(60), { far: { ...cluster(30), latencyMs: 5_000 }, near: slots(2) }, { scoutShare: 0 })
    assert.ok(isDone(run))
    const far = startsAt(run, 'far').map(({ atMs, expectedMs }) => ({ atMs, expectedMs }))
    const later = far.filter(({ atMs }) => atMs > 6_000)
    assert.ok(far.every(({ atMs, expectedMs }) => atMs > 5_000 || expectedMs < 1_100))
    assert.ok(
      later.every(({ expectedMs }) => expectedMs > 5_000),
      JSON.stringify(later),
    )
    assert.ok(startsAt(run, 'near').length >= 8, 'the jobs that are left go to the one without a queue')
  })

  it('beyond its limit gives the job to somebody else', async () => {
    const lanes = { farm: cluster(1, { slots: 4, queueLimitMs: 2_500 }), other: slots(1) }
    const run = await link(many(20), lanes, { hedge: false })
    assert.ok(isDone(run))
    const queued = gaveUp(run)
    assert.ok(queued.length > 0)
    for (const { job, sentMs, atMs, startedMs } of queued) {
      assert.equal(startedMs, undefined)
      assert.ok(atMs - sentMs > 2_500 && atMs - sentMs <= 2_550, `${String(atMs - sentMs)} ms`)
      assert.equal(ofKind(run, 'job-requeued').find((event) => event.job === job)?.atMs, atMs)
    }
    const [first] = queued
    const next = ofKind(run, 'attempt-started').filter(({ job }) => job === first?.job)[1]
    assert.equal(next?.endpoint, 'other')
    assert.deepEqual(run.warnings, ['farm: DTLTO_DEADLINE_EXCEEDED'])
    assert.match(ofKind(run, 'warning')[0]?.message ?? '', /'farm' has kept 'module-\d+\.o' in its queue for 3 s/)
  })

  it('is not shortened by a second place in the same queue', async () => {
    const run = await link(many(12), { farm: cluster(1), other: slots(1) }, { maxHedges: 100 })
    assert.ok(isDone(run))
    for (const { job } of ofKind(run, 'job-hedged')) {
      const at = ofKind(run, 'attempt-started').filter((event) => event.job === job && event.endpoint === 'farm')
      assert.ok(at.length <= 1, `job ${String(job)} was sent to the cluster ${String(at.length)} times`)
    }
  })
})

describe('a queue that nothing leaves', () => {
  it('does not hold back the link: this machine steps in', async () => {
    for (const role of ['fallback', 'primary'] as const) {
      const run = await link(many(10, 300), { farm: swallows, home: home(role) })
      assert.ok(isDone(run))
      assert.ok(run.makespanMs < 10_000, `took ${String(run.makespanMs)} ms`)
    }
  })

  it('counts as gone when nothing has left it for some seconds', async () => {
    const run = await link(many(10, 300), { farm: swallows, home: home() }, { hedge: false, queueLimitMs: 60_000 })
    assert.ok(isDone(run))
    const firstMs = run.fakes['home']?.calls[0]?.atMs ?? NaN
    assert.ok(firstMs >= 2_000 && firstMs < 4_500, `at ${String(firstMs)} ms`)
  })

  it('is given up after some minutes where nobody else may compile', async () => {
    const run = await link(many(3), { farm: swallows }, { fallback: 'none' })
    assert.ok(
      run.results.some((result) => result.kind === 'failed' && result.error.code === 'DTLTO_NO_DISTRIBUTOR_LEFT'),
    )
  })
})

describe('`started`', () => {
  it('may be called late, twice, after the abort, or where there is no queue', async () => {
    const late: (() => void)[] = []
    const run = await link(
      many(30, 100),
      {
        farm: { ...cluster(4), script: ({ call }) => (call % 7 === 3 ? { kind: 'hang' } : undefined) },
        plain: { ...slots(2), status: (truth) => ({ ...truth, hasQueue: false }), hasQueue: true },
      },
      { deadlineFloorMs: 500, abortGraceMs: 200 },
      {
        wrap: (fake) => {
          const compile = fake.compile.bind(fake)
          return (job, endpoint, attempt) => {
            late.push(() => attempt.started())
            attempt.signal.addEventListener('abort', () => attempt.started())
            return compile(job, endpoint, {
              signal: attempt.signal,
              started: () => {
                attempt.started()
                attempt.started()
              },
            })
          }
        },
      },
    )
    assert.ok(isDone(run))
    for (const started of late) started()
  })
})
