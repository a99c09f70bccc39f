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

/** Over a farm behind one wire, which sends large jobs one after the other, and small ones beside them; a wide one sends all side by side. */
function overWire(jobs: readonly BackendJob[], slotCount: number, areTold: boolean, isWide = false): Promise<TestRun> {
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
          const sentAtMs = job.importedBytes > 0 && !isWide ? freeAtMs : nowMs + sendMs
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
    // The first places are given before anything is known of that.
    const places = started(run).slice(16)
    const last = places.findLastIndex((job) => job < 16)
    assert.deepEqual(
      places.slice(0, last + 1).filter((job) => job >= 16),
      [],
    )
  })

  it('the longest wait for nothing where they need more than one round of all slots', async () => {
    for (const [slotCount, longest, others] of [
      [64, 80, 1280],
      [16, 24, 160],
      [32, 48, 320],
    ] as const) {
      const many = [
        ...Array.from({ length: longest }, (_, i) => heavy(i, 2_000)),
        ...Array.from({ length: others }, (_, i) => light(longest + i, 100)),
      ]
      const told = await overWire(many, slotCount, true, true)
      assert.ok(isDone(told))
      const untold = await overWire(many, slotCount, false, true)
      assert.ok(
        told.makespanMs <= untold.makespanMs * 1.05,
        `${String(told.makespanMs)} ms, ${String(untold.makespanMs)}`,
      )
    }
  })

  it('no others start where the longest could not wait and are on their way already', async () => {
    // 2.7 s of work for each slot, and jobs of 4 s to 1 s: for the longest nothing may come before, and the others wait for the wire behind it.
    const many = [
      ...Array.from({ length: 16 }, (_, i) => heavy(i, 4_000 - 200 * i)),
      ...Array.from({ length: 60 }, (_, i) => light(16 + i, 50)),
    ]
    const run = await overWire(many, 16, true)
    assert.ok(isDone(run))
    const order = started(run)
    assert.deepEqual(
      order.slice(0, 16),
      Array.from({ length: 16 }, (_, i) => i),
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
    const best = (mostUnits: number): number | undefined =>
      openers.best(
        mostUnits,
        (job) => waiting.has(job),
        (job) => job,
      )
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

  it('are found behind many that have started', () => {
    const many = 200
    const openers = new Openers(
      ofBytes(...new Array<number>(many + 1).fill(0)),
      Float64Array.from({ length: many + 1 }, (_, i) => (i === 0 ? 9_000 : 100)),
    )
    const waiting = new Set(Array.from({ length: many + 1 }, (_, i) => i))
    for (let started = 0; started < many; started++) {
      const job = openers.best(
        1_000,
        (job) => waiting.has(job),
        (job) => job,
      )
      assert.ok(job !== undefined && job !== 0, `after ${String(started)}`)
      waiting.delete(job)
    }
  })

  it('are offered one after the other to who may place them', () => {
    const openers = new Openers(ofBytes(0, 0, 0), Float64Array.of(300, 200, 100))
    assert.equal(
      openers.best(
        1_000,
        () => true,
        (job) => (job === 1 ? 'placed' : undefined),
      ),
      'placed',
    )
  })

  it('come after the first of the longest in the likely order, if these are slow to be sent', () => {
    const large = Array.from({ length: 40 }, () => 10 * MB)
    const openers = new Openers(ofBytes(...large, 0, 0), Float64Array.from([...large.map(() => 500), 50, 60]))
    const longestFirst = Array.from({ length: 42 }, (_, i) => i)
    const likely = openers.likely(longestFirst)
    assert.deepEqual(likely.slice(0, 3), [0, 41, 40])
    assert.deepEqual(
      [...likely].sort((a, b) => a - b),
      longestFirst,
    )
    const small = new Openers(ofBytes(1, 2), Float64Array.of(2, 1))
    assert.deepEqual(small.likely([0, 1]), [0, 1])
  })
})
