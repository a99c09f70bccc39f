import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ReportAttempt, ReportJob } from '../report/report-document.js'
import { jobsOf, type PlannedJob, planLink } from './plan-link.js'

const attempt = (job: number, more: Partial<ReportAttempt>): ReportAttempt => ({
  job,
  place: 0,
  reason: 'first',
  outcome: 'placed',
  sentMs: 0,
  endMs: 0,
  waitedMs: 0,
  ...more,
})

const job: ReportJob = {
  module: 'm.o',
  cost: 10,
  bitcodeBytes: 100,
  importedModules: 1,
  importedBytes: 50,
  result: 'done',
  endedMs: 0,
}

describe('the jobs of a report', () => {
  it('took the compile alone, and of the thread what they took beside it', () => {
    const attempts = [
      attempt(0, { sentMs: 10, endMs: 150, queuedMs: 10, compileMs: 100 }),
      attempt(1, { sentMs: 0, endMs: 110, compileMs: 100 }),
      attempt(2, { sentMs: 0, endMs: 40, compileMs: 40 }),
    ]
    const jobs = jobsOf({ jobs: [job, job, job], attempts, phases: { endMs: 200, threadMs: 20 } })
    assert.deepEqual(
      jobs.map(({ ms, threadMs }) => [ms, threadMs]),
      [
        [100, 15],
        [100, 5],
        [40, 0],
      ],
    )
  })

  it('took nothing of a thread that nobody has measured', () => {
    const jobs = jobsOf({ jobs: [job], attempts: [attempt(0, { endMs: 50, compileMs: 20 })], phases: { endMs: 60 } })
    assert.deepEqual(jobs, [{ module: 'm.o', cost: 10, bytes: 150, ms: 20, threadMs: 0 }])
  })
})

describe('a plan', () => {
  const hundred = (threadMs: number): PlannedJob[] =>
    Array.from({ length: 100 }, (_, i) => ({ module: `${String(i)}.o`, cost: 10, bytes: 1000, ms: 100, threadMs }))
  const onHundredSlots = async (threadMs: number): Promise<number> => {
    const plan = await planLink(hundred(threadMs), { slots: [100], latencyMs: 0, bandwidth: undefined })
    return plan.points[0]?.backendsMs ?? Number.NaN
  }

  it('waits for jobs and wires that take hours', async () => {
    const slow = hundred(0).map((job) => ({ ...job, ms: 5e5 }))
    const plan = await planLink(slow, { slots: [1], latencyMs: 0, bandwidth: 10 })
    assert.equal(plan.points[0]?.backendsMs, 100 * (5e5 + 1e5))
  })

  it('has jobs wait for their turn on the one thread that sends them, however many slots there are', async () => {
    assert.equal(await onHundredSlots(0), 100)
    assert.equal(await onHundredSlots(10), 1100)
  })
})
