import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { AttemptFacts, SchedulerEvent } from '../scheduler/events.js'
import { LinkSummary } from './summary.js'

test('a summary says where jobs ran, which were slow, and what was tried again and why', () => {
  let nowMs = 2_000
  const summary = new LinkSummary(() => nowMs)
  const jobs = ['a.o', 'b.o', 'c.o'].map((moduleId) => ({ moduleId, bitcodeBytes: 1_500_000 }) as BackendJob)
  const scheduler = (event: SchedulerEvent): void => summary.add({ type: 'scheduler', event })
  const run = (
    attempt: number,
    job: number,
    at: Pick<AttemptFacts, 'distributor' | 'endpoint'>,
    end: Partial<Extract<SchedulerEvent, { kind: 'attempt-ended' }>>,
    reason: 'first' | 'retry' | 'hedge' = 'first',
  ): void => {
    const facts = { job, attempt, ...at, reason, expectedMs: 1 }
    const sentMs = nowMs
    scheduler({ kind: 'attempt-started', atMs: sentMs, ...facts })
    nowMs += 1_000
    const outcome = { kind: 'placed' } as const
    const times = { atMs: nowMs, sentMs, startedMs: sentMs, answeredMs: undefined }
    scheduler({ kind: 'attempt-ended', ...times, ...facts, outcome, ...end })
  }
  const local = { distributor: 'local', endpoint: 'local' }
  const at = (endpoint: string) => ({ distributor: 'distcc', endpoint })
  summary.add({ type: 'jobs', jobs })
  const error = new DtltoError('DTLTO_DISTRIBUTOR_FAILED', "server 'x' closed the connection\nand more")
  run(0, 0, at('x'), { outcome: { kind: 'trouble', error } })
  run(1, 0, local, { timings: { compileMs: 700 } }, 'retry')
  run(2, 1, at('x'), { timings: { compileMs: 900, queuedMs: 300, fetchMs: 20, handOverMs: 10 } })
  run(5, 1, { distributor: 'cache', endpoint: 'c' }, { outcome: { kind: 'cannot', reason: 'no', isMiss: true } })
  run(3, 2, at('x'), { outcome: { kind: 'abandoned' } })
  run(4, 2, at('y'), {}, 'hedge')
  summary.add({ type: 'objects', importsOf: () => [] })
  nowMs += 250
  summary.add({ type: 'end', exitCode: 0 })
  assert.equal(
    summary.text(),
    `summary: 3 ThinLTO jobs in 6.0 s, after 2.0 s of reading and planning; 0.25 s of final link
  distcc   2 jobs, up to 1 in flight, 1.9 s compiling, 0.30 s in its queue, 0.03 s of fetching inputs and handing over outputs, 6.0 MB of bitcode: x 1, y 1
  local    1 job, up to 1 in flight, 0.70 s compiling
  missed   cache: 1 job not in the cache
  slowest  1.0 s c.o on distcc (y)
           0.90 s b.o on distcc (x)
           0.70 s a.o on local
  again    1 time distcc: server 'x' closed the connection
  twice    1 late job started a second time; 1 time the second was first
`,
  )
})

test('of this machine the job that waits for the next thread is not in flight', () => {
  const summary = new LinkSummary(() => 0)
  const jobs = [0, 1, 2].map((i) => ({ moduleId: `${String(i)}.o`, bitcodeBytes: 0 }) as BackendJob)
  summary.add({ type: 'jobs', jobs })
  for (const job of [0, 1, 2]) {
    const facts = {
      job,
      attempt: job,
      distributor: 'local',
      endpoint: 'local',
      reason: 'first',
      expectedMs: 1,
    } as const
    const sentMs = Math.max(0, job - 1) * 100
    const startedMs = job * 100
    const scheduler = (event: SchedulerEvent): void => summary.add({ type: 'scheduler', event })
    scheduler({ kind: 'attempt-started', atMs: sentMs, ...facts })
    const end = {
      atMs: startedMs + 100,
      sentMs,
      startedMs,
      answeredMs: undefined,
      outcome: { kind: 'placed' },
    } as const
    scheduler({ kind: 'attempt-ended', ...facts, ...end })
  }
  assert.match(summary.text(), /\n {2}local +3 jobs, up to 1 in flight/)
})

test('says that somebody has blocked the event loop', async () => {
  const summary = new LinkSummary(() => 0)
  summary.add({ type: 'jobs', jobs: [{ moduleId: 'a.o', bitcodeBytes: 0 } as BackendJob] })
  await setImmediate()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200)
  summary.add({ type: 'objects', importsOf: () => [] })
  assert.match(summary.text(), /\n {2}blocked +the event loop stood still for \d\.\d s at a time: a distributor/)
})

test('a job whose object is being checked is not in flight any more, nor compiling', () => {
  const summary = new LinkSummary(() => 0)
  summary.add({
    type: 'jobs',
    jobs: [0, 1].map((i) => ({ moduleId: `${String(i)}.o`, bitcodeBytes: 0 }) as BackendJob),
  })
  const scheduler = (event: SchedulerEvent): void => summary.add({ type: 'scheduler', event })
  const facts = (job: number) =>
    ({ job, attempt: job, distributor: 'farm', endpoint: 'x', reason: 'first', expectedMs: 1 }) as const
  const placed = { outcome: { kind: 'placed' } } as const
  scheduler({ kind: 'attempt-started', atMs: 0, ...facts(0) })
  scheduler({ kind: 'attempt-answered', atMs: 1_000, ...facts(0) })
  scheduler({ kind: 'attempt-started', atMs: 1_000, ...facts(1) })
  scheduler({ kind: 'attempt-ended', atMs: 1_500, sentMs: 0, startedMs: 0, answeredMs: 1_000, ...placed, ...facts(0) })
  scheduler({ kind: 'attempt-answered', atMs: 3_000, ...facts(1) })
  const second = { sentMs: 1_000, startedMs: 1_000, answeredMs: 3_000 }
  scheduler({ kind: 'attempt-ended', atMs: 9_000, ...second, ...placed, ...facts(1) })
  assert.match(summary.text(), /\n {2}farm +2 jobs, up to 1 in flight, 3\.0 s compiling/)
})

test('a summary names the workers that an endpoint tells, and of a large farm some machines', () => {
  const summary = new LinkSummary(() => 0)
  const made = (endpoint: string, worker?: string): void => {
    const facts = { job: 0, attempt: 0, distributor: 'grid#2', endpoint, reason: 'first', expectedMs: 1 } as const
    const times = { atMs: 1, sentMs: 0, startedMs: 0, answeredMs: undefined }
    const ended = { kind: 'attempt-ended', ...times, outcome: { kind: 'placed' } } as const
    summary.add({ type: 'scheduler', event: { kind: 'attempt-started', atMs: 0, ...facts } })
    summary.add({ type: 'scheduler', event: { ...ended, ...facts, ...(worker === undefined ? {} : { worker }) } })
  }
  summary.add({ type: 'jobs', jobs: [{ moduleId: 'a.o', bitcodeBytes: 0 } as BackendJob] })
  made('grid', 'w1')
  made('eu.grid', 'w1')
  made('grid')
  for (let i = 0; i < 20; i++) made(`m${String(i)}`)
  const line = summary.text().split('\n')[1] ?? ''
  assert.match(line, /^ {2}grid#2 {3}23 jobs, .* bitcode: w1 1, eu\.grid\/w1 1, m0 1, .*, m13 1, 6 more$/)
})

test('a link without jobs says why: no ThinLTO module, all of them in the cache, or that it failed before', () => {
  const text = (inputs: number | undefined, exitCode: number, total = 0, cacheHits = 0): string => {
    const summary = new LinkSummary(() => 0, inputs === undefined ? undefined : () => inputs)
    if (total > 0) summary.add({ type: 'modules', total, cacheHits })
    summary.add({ type: 'end', exitCode })
    return summary.text()
  }
  assert.equal(text(12, 0), 'summary: 0 ThinLTO modules among 12 inputs: compile with -flto=thin\n')
  assert.equal(text(1, 0), 'summary: 0 ThinLTO modules among 1 input: compile with -flto=thin\n')
  assert.equal(text(undefined, 0), 'summary: 0 ThinLTO modules among the inputs: compile with -flto=thin\n')
  assert.equal(text(12, 1), 'summary: no ThinLTO job: the link failed before\n')
  assert.equal(text(12, 0, 101, 101), 'summary: no ThinLTO job; cache: 101 of 101 hits\n')
  assert.equal(text(12, 1, 101, 7), 'summary: no ThinLTO job of 101 modules: the link failed before\n')
})
