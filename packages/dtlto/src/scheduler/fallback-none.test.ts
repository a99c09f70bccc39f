/** Links that may not fall back to this machine: they fail soon where nothing works, and wait for what did work and may come back. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FakeCall, Fault, VirtualClock } from '../../../testkit/src/index.js'
import type { Endpoint } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { costs, link, slots, type TestRun } from './test-link.fixture.js'

const trouble: Fault = { kind: 'trouble', afterMs: 5 }
const JOBS = costs(...Array.from({ length: 40 }, (_, i) => 100 + i))

function errorOf({ results }: TestRun): DtltoError {
  const failed = results.filter((result) => result.kind === 'failed')
  assert.equal(failed.length, 1, 'one job has the error, the others are cancelled')
  assert.ok(failed[0]?.kind === 'failed')
  assert.equal(failed[0].error.code, 'DTLTO_NO_DISTRIBUTOR_LEFT')
  return failed[0].error
}

const isDone = ({ results }: TestRun): boolean => results.every(({ kind }) => kind === 'done')

describe('without a fallback, a link', () => {
  for (const [count, jobs] of [
    [1, costs(100)],
    [4, JOBS],
    [200, JOBS],
    [200, costs(100, 100)],
  ] as const) {
    const what = `${String(jobs.length)} jobs on ${String(count)} slots`
    it(`fails within two seconds when every attempt fails from the first one on (${what})`, async () => {
      const run = await link(jobs, { farm: { ...slots(count), script: () => trouble } }, { fallback: 'none' })
      assert.match(errorOf(run).message, /'farm': worker 'w' failed/)
      assert.ok(run.makespanMs < 2_000, `took ${String(run.makespanMs)} ms`)
      assert.deepEqual(run.warnings, ['farm: DTLTO_DISTRIBUTOR_FAILED'])
    })
  }

  it('fails within two seconds when several distributors fail at every job, and says what each of them said', async () => {
    const run = await link(
      JOBS,
      {
        lost: { ...slots(4), script: () => trouble },
        cut: { ...slots(2), script: () => ({ kind: 'truncated' }) },
        shut: { ...slots(2), outages: [{ fromMs: 0, toMs: 1e9 }] },
      },
      { fallback: 'none' },
    )
    const { message } = errorOf(run)
    for (const name of ['lost', 'cut', 'shut']) assert.match(message, new RegExp(`'${name}': `))
    assert.ok(run.makespanMs < 2_000, `took ${String(run.makespanMs)} ms`)
  })

  it('does not fail because of one distributor as long as another one compiles', async () => {
    const run = await link(JOBS, { bad: { ...slots(4), script: () => trouble }, good: slots(1) }, { fallback: 'none' })
    assert.ok(isDone(run))
  })

  it('gives a distributor that stumbles at its start a second chance', async () => {
    const run = await link(JOBS, { farm: { ...slots(4), outages: [{ fromMs: 0, toMs: 900 }] } }, { fallback: 'none' })
    assert.ok(isDone(run))
  })

  for (const [count, ms] of [
    [4, 100],
    [200, 2_000],
  ] as const) {
    it(`waits for a distributor of ${String(count)} slots that has worked and restarts`, async () => {
      const jobs = costs(50, 50, ...Array.from({ length: 40 }, () => ms))
      const farm = { ...slots(count), outages: [{ fromMs: 500, toMs: 20_000 }] }
      const run = await link(jobs, { farm }, { fallback: 'none' })
      assert.ok(isDone(run))
      assert.ok(run.makespanMs > 20_000 && run.makespanMs < 40_000, `took ${String(run.makespanMs)} ms`)
    })
  }

  it('waits for a distributor that stops taking jobs while earlier ones still come back', async () => {
    const jobs = costs(400, 300, 200, 100, ...Array.from({ length: 8 }, () => 50))
    const script = ({ call, nowMs }: FakeCall): Fault | undefined => (call < 4 || nowMs > 10_000 ? undefined : trouble)
    const run = await link(jobs, { farm: { ...slots(4), script } }, { fallback: 'none' })
    assert.ok(isDone(run))
  })

  it('fails when a distributor that has worked stays away', async () => {
    const farm = { ...slots(4), outages: [{ fromMs: 500, toMs: 1e9 }] }
    const run = await link(JOBS, { farm }, { fallback: 'none', giveUpMs: 30_000 })
    assert.match(errorOf(run).message, /'farm': cannot reach/)
    assert.ok(run.makespanMs > 30_000 && run.makespanMs < 32_000, `took ${String(run.makespanMs)} ms`)
  })

  for (const [what, tellsUntilMs, isReadyMs] of [
    ['waits for a distributor that tells how it gets ready, however long that takes', 200_000, 200_000],
    ['gives up a distributor that tells nothing new any more', 60_000, 200_000],
  ] as const) {
    it(what, async () => {
      let nowMs = (): number => 0
      const status = (truth: Endpoint): Endpoint => {
        const percent = Math.floor(Math.min(nowMs(), tellsUntilMs) / 2_000)
        return { ...truth, accepting: nowMs() >= isReadyMs, text: `receives its compiler (${String(percent)} %)` }
      }
      const during = (clock: VirtualClock): void => {
        nowMs = () => clock.now()
      }
      const run = await link(
        JOBS,
        { farm: { ...slots(8), status } },
        { fallback: 'none', giveUpMs: 30_000 },
        { during },
      )
      if (tellsUntilMs === isReadyMs) return assert.ok(isDone(run))
      assert.match(errorOf(run).message, /none of them takes work/)
      assert.ok(run.makespanMs > 90_000 && run.makespanMs < 95_000, `took ${String(run.makespanMs)} ms`)
    })
  }

  it('fails at a job that breaks whoever takes it, while the others compile', async () => {
    const run = await link(
      JOBS,
      { farm: { ...slots(4), script: ({ job }) => (job.index === 20 ? trouble : undefined) } },
      { fallback: 'none' },
    )
    assert.match(errorOf(run).message, /'module-20\.o'/)
    assert.ok(run.makespanMs < 3_000, `took ${String(run.makespanMs)} ms`)
  })

  it('fails at its last job, which a distributor that has worked answers with what is no object', async () => {
    const script = ({ job }: FakeCall): Fault | undefined => (job.index === 0 ? { kind: 'truncated' } : undefined)
    const run = await link(JOBS, { farm: { ...slots(4), script } }, { fallback: 'none', giveUpMs: 1e6 })
    assert.match(errorOf(run).message, /'module-0\.o'.* is incomplete/)
    assert.ok(run.makespanMs < 10_000, `took ${String(run.makespanMs)} ms`)
  })

  it('fails at once when its distributors cannot be opened or cannot express a job, and says so', async () => {
    const opened = Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'no route to host'))
    const run = await link(
      JOBS,
      {
        shut: { ...slots(4), opened, status: (truth) => ({ ...truth, accepting: false }) },
        narrow: { ...slots(4), script: () => ({ kind: 'cannot', reason: 'no spelling' }) },
      },
      { fallback: 'none' },
    )
    assert.match(errorOf(run).message, /'shut': no route to host; 'narrow': cannot express it: no spelling/)
    assert.ok(run.makespanMs < 1_000, `took ${String(run.makespanMs)} ms`)
  })
})
