import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { LinkSummary } from './summary.js'

test('a summary says where jobs ran, which were slow, and what was tried again and why', () => {
  let nowMs = 2_000
  const summary = new LinkSummary(() => nowMs)
  const jobs = ['a.o', 'b.o', 'c.o'].map((moduleId) => ({ moduleId, bitcodeBytes: 1_500_000 }) as BackendJob)
  const scheduler = (event: SchedulerEvent): void => summary.add({ type: 'scheduler', event })
  const run = (
    attempt: number,
    job: number,
    distributor: string,
    end: Partial<Extract<SchedulerEvent, { kind: 'attempt-ended' }>>,
    reason: 'first' | 'retry' | 'hedge' = 'first',
  ): void => {
    scheduler({ kind: 'attempt-started', atMs: nowMs, job, attempt, distributor, reason, expectedMs: 1 })
    nowMs += 1_000
    const outcome = { kind: 'placed' } as const
    scheduler({ kind: 'attempt-ended', atMs: nowMs, job, attempt, distributor, outcome, ...end })
  }
  summary.add({ type: 'jobs', jobs })
  const error = new DtltoError('DTLTO_DISTRIBUTOR_FAILED', "server 'x' closed the connection\nand more")
  run(0, 0, 'distcc', { outcome: { kind: 'trouble', error } })
  run(1, 0, 'local', { timings: { compileMs: 700 } }, 'retry')
  run(2, 1, 'distcc', { worker: 'x', timings: { compileMs: 900 } })
  run(3, 2, 'distcc', { outcome: { kind: 'abandoned' } })
  run(4, 2, 'distcc', { worker: 'y' }, 'hedge')
  summary.add({ type: 'objects' })
  nowMs += 250
  summary.add({ type: 'end', exitCode: 0 })
  assert.equal(
    summary.text(),
    `summary: 3 ThinLTO jobs in 5.0 s, after 2.0 s of reading and planning; 0.25 s of final link
  distcc   2 jobs, up to 1 in flight, 1.9 s compiling, 6.0 MB of bitcode: x 1, y 1
  local    1 job, up to 1 in flight, 0.70 s compiling
  slowest  1.0 s c.o on distcc (y)
           0.90 s b.o on distcc (x)
           0.70 s a.o on local
  again    1 time distcc: server 'x' closed the connection
  twice    1 late job started a second time; 1 time the second was first
`,
  )
})

test('a link without jobs says so', () => {
  assert.match(new LinkSummary(() => 0).text(), /no ThinLTO job/)
})
