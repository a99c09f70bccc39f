import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeJob, type VirtualClock } from '../../../testkit/src/index.js'
import type { BackendJob } from '../distributors/interface.js'
import { Openers } from './openers.js'
import { isDone, link, ofKind, slots, type TestRun } from './test-link.fixture.js'

const MB = 1_000_000
const BYTES_PER_MS = 100_000

const heavy = (index: number, cost: number): BackendJob =>
  fakeJob(index, { cost, bitcodeBytes: MB, importedBytes: 29 * MB })
const light = (index: number, cost: number): BackendJob =>
  fakeJob(index, { cost, bitcodeBytes: 100_000, importedBytes: 0 })

/** Over a farm behind one wire, which sends large jobs one after the other, and small ones beside them. */
function overWire(jobs: readonly BackendJob[], slotCount: number, areTold: boolean): Promise<TestRun> {
  let clock: VirtualClock | undefined
  let freeAtMs = 0
  const during = (its: VirtualClock): void => void (clock = its)
  return link(
    jobs,
    { farm: slots(slotCount) },
    { scoutShare: 0, hedge: false },
    {
      during,
      wrap: (fake) => {
        const compile = fake.compile.bind(fake)
        return async (job, endpoint, attempt) => {
          const nowMs = clock?.now() ?? 0
          const sendMs = (job.bitcodeBytes + job.importedBytes) / BYTES_PER_MS
          if (job.importedBytes > 0) freeAtMs = Math.max(freeAtMs, nowMs) + sendMs
          const sentAtMs = job.importedBytes > 0 ? freeAtMs : nowMs + sendMs
          await new Promise<void>((resolve) => clock?.setTimer(sentAtMs, resolve))
          if (areTold) attempt.sent?.()
          return compile(job, endpoint, attempt)
        }
      },
    },
  )
}

const startedMs = (run: TestRun, job: number): number =>
  ofKind(run, 'attempt-started').find((event) => event.job === job)?.atMs ?? NaN
const started = (run: TestRun): number[] => ofKind(run, 'attempt-started').map(({ job }) => job)

describe('while jobs of many bytes are on their way', () => {
  // 48 s of work for 8 slots, and 4.8 s of sending, most of it for the longest ones.
  const jobs = [
    ...Array.from({ length: 16 }, (_, i) => heavy(i, 2_000)),
    ...Array.from({ length: 160 }, (_, i) => light(16 + i, 100)),
  ]

  it('others start that take little to be sent', async () => {
    const run = await overWire(jobs, 8, true)
    assert.ok(isDone(run))
    assert.ok(run.makespanMs < 7_000, `took ${String(run.makespanMs)} ms`)
    assert.ok(startedMs(run, 1) < 400 && startedMs(run, 4) < 1_300, 'the longest go on being sent')
  })

  it('the longest start one after the other where nobody says what was sent', async () => {
    const run = await overWire(jobs, 8, false)
    assert.ok(isDone(run))
    assert.ok(run.makespanMs > 7_500, `took ${String(run.makespanMs)} ms`)
    // The first eight places are given before anything is known of that.
    assert.deepEqual(
      started(run)
        .slice(8)
        .filter((job) => job < 16)
        .sort((a, b) => a - b),
      started(run)
        .slice(8)
        .filter((job) => job < 16),
    )
  })

  it('the longest wait for nothing where one of them sets the end', async () => {
    const few = [heavy(0, 3_000), heavy(1, 2_900), ...Array.from({ length: 12 }, (_, i) => light(2 + i, 400))]
    const run = await overWire(few, 4, true)
    assert.ok(isDone(run))
    assert.deepEqual(started(run).slice(0, 2), [0, 1])
    assert.ok(run.makespanMs < 3_600, `took ${String(run.makespanMs)} ms`)
  })
})

describe('openers', () => {
  const ofBytes = (...bytes: readonly number[]): { bitcodeBytes: number; importedBytes: number }[] =>
    bytes.map((importedBytes) => ({ bitcodeBytes: 0, importedBytes }))

  it('are those with the most work for their bytes that are not too long', () => {
    const openers = new Openers(ofBytes(0, 900_000, 50 * MB, 0), Float64Array.of(300, 900, 5_000, 200))
    const waiting = new Set([0, 1, 2, 3])
    const best = (mostUnits: number): number | undefined => openers.best(mostUnits, (job) => waiting.has(job))
    assert.equal(best(1_000), 0)
    assert.equal(best(250), 3)
    waiting.delete(0)
    assert.equal(best(1_000), 1)
    waiting.delete(1)
    assert.equal(best(1_000), 3)
    waiting.delete(3)
    assert.equal(best(1_000), undefined)
    assert.equal(best(5_000), 2)
  })

  it('that start before others have arrived are few', () => {
    const openers = new Openers(ofBytes(40 * MB, 1 * MB, 2 * MB, 60 * MB), Float64Array.of(100, 100, 100, 100))
    assert.deepEqual(openers.first, [1, 2, 0])
    assert.deepEqual(new Openers(ofBytes(1, 2), Float64Array.of(1, 1)).first, [0, 1])
  })
})
