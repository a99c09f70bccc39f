import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { SchedulerEvent } from '../scheduler/events.js'
import { LinkTrace } from './trace.js'

interface Slice {
  readonly name: string
  readonly cat: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur: number
  readonly args: Readonly<Record<string, unknown>>
}

test('a trace has a row for each job at a time of each endpoint, and the parts of each attempt', () => {
  const trace = new LinkTrace()
  const jobs = ['a.o', 'b.o', 'c.o'].map(
    (moduleId) => ({ moduleId, cost: 7, bitcodeBytes: 20, importedModules: 1 }) as BackendJob,
  )
  const scheduler = (event: SchedulerEvent): void => trace.add({ type: 'scheduler', event })
  const end = (
    attempt: number,
    job: number,
    [sentMs, atMs]: readonly [number, number],
    more: Partial<Extract<SchedulerEvent, { kind: 'attempt-ended' }>>,
  ): void => {
    const at = { distributor: 'farm', endpoint: 'x', reason: 'first', expectedMs: 1 } as const
    const times = { sentMs, startedMs: sentMs, answeredMs: undefined, atMs }
    scheduler({ kind: 'attempt-ended', job, attempt, ...at, ...times, outcome: { kind: 'placed' }, ...more })
  }
  trace.add({ type: 'jobs', jobs })
  for (const job of [0, 1, 2]) scheduler({ kind: 'job-queued', atMs: 90, job, expectedMs: 1 })
  end(0, 0, [100, 110], { timings: { queuedMs: 1, sendMs: 2, compileMs: 5, receiveMs: 900 } })
  end(1, 1, [100, 130], { startedMs: 104 })
  const error = new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'gone')
  end(2, 2, [120, 140], { endpoint: 'farm', outcome: { kind: 'trouble', error } })
  scheduler({ kind: 'job-requeued', atMs: 140, job: 2, lastResort: false })
  end(3, 2, [150, 160], { reason: 'retry' })
  end(4, 2, [150, 160], { worker: 'w' })

  const slices = saved(trace)
  const attempts = slices.filter(({ cat }) => cat === 'compile')
  assert.deepEqual(
    attempts.map(({ name, tid, ts, dur }) => [name, tid, ts, dur]),
    [
      ['a.o', 1, 100_000, 10_000],
      ['b.o', 2, 100_000, 30_000],
      ['c.o', 3, 120_000, 20_000],
      ['c.o', 1, 150_000, 10_000],
      ['c.o', 4, 150_000, 10_000],
    ],
  )
  assert.deepEqual(attempts[2]?.args, {
    ...{ job: 2, module: 'c.o', cost: 7, bytes: 20, importedModules: 1, attempt: 2, reason: 'first', waitedMs: 30 },
    ...{ outcome: 'trouble', trouble: 'gone', endpoint: 'farm' },
  })
  assert.equal(attempts[3]?.args['reason'], 'retry')
  assert.equal(attempts[3]?.args['waitedMs'], 10)
  // `receive` is cut at the end of its attempt. What an endpoint does not say of its queue is known from when the job began.
  assert.deepEqual(
    slices.filter(({ cat }) => cat === 'part').map(({ name, ts, dur }) => [name, ts, dur]),
    [
      ['queue', 100_000, 1_000],
      ['send', 101_000, 2_000],
      ['compile', 103_000, 5_000],
      ['receive', 108_000, 2_000],
      ['queue', 100_000, 4_000],
    ],
  )
  assert.deepEqual(
    slices.filter(({ name }) => name === 'thread_name').map(({ tid, args }) => [tid, args['name']]),
    [
      [1, 'lld'],
      [1, 'x'],
      [2, 'x'],
      [3, 'farm'],
      [4, 'x/w'],
    ],
  )
})

test('an attempt ends with its answer in a trace, so that its row is free for the next one', () => {
  const trace = new LinkTrace()
  const facts = (job: number) =>
    ({ job, attempt: job, distributor: 'farm', endpoint: 'x', reason: 'first', expectedMs: 1 }) as const
  const ended = { kind: 'attempt-ended', outcome: { kind: 'placed' } } as const
  const first = { sentMs: 0, startedMs: 0, answeredMs: 10, atMs: 15 }
  const second = { sentMs: 10, startedMs: 10, answeredMs: 30, atMs: 30 }
  trace.add({ type: 'scheduler', event: { ...ended, ...first, ...facts(0) } })
  trace.add({ type: 'scheduler', event: { ...ended, ...second, ...facts(1) } })
  assert.deepEqual(
    saved(trace)
      .filter(({ cat }) => cat === 'compile')
      .map(({ tid, ts, dur, args }) => [tid, ts, dur, args['checkMs']]),
    [
      [1, 0, 10_000, 5],
      [1, 10_000, 20_000, 0],
    ],
  )
})

test('a compile in this process is a slice without the time that it waited for a thread, and one that came to nothing has none', () => {
  const trace = new LinkTrace({ program: 'ld.dtlto', llvm: '22' })
  const facts = (job: number) =>
    ({ job, attempt: job, distributor: 'local', endpoint: 'local', reason: 'first', expectedMs: 1 }) as const
  const ended = { kind: 'attempt-ended', answeredMs: undefined } as const
  const placed = { outcome: { kind: 'placed' } } as const
  const first = { sentMs: 0, startedMs: 1, atMs: 12, timings: { compileMs: 9 } }
  const second = { sentMs: 0, startedMs: 10, atMs: 31, timings: { compileMs: 20 } }
  trace.add({ type: 'scheduler', event: { ...ended, ...first, ...placed, ...facts(0) } })
  trace.add({ type: 'scheduler', event: { ...ended, ...second, ...placed, ...facts(1) } })
  trace.add({
    type: 'scheduler',
    event: { ...ended, sentMs: 0, startedMs: 0, atMs: 40, outcome: { kind: 'abandoned' }, ...facts(2) },
  })
  trace.add({ type: 'end', exitCode: 0 })
  const slices = saved(trace)
  assert.deepEqual(
    slices.filter(({ cat }) => cat === 'compile').map(({ tid, ts, dur }) => [tid, ts, dur]),
    [
      [1, 1_000, 9_000],
      [1, 10_000, 20_000],
    ],
  )
  assert.deepEqual(slices.find(({ cat }) => cat === 'lld')?.args, { program: 'ld.dtlto', llvm: '22', loopBlockedMs: 0 })
  assert.ok(slices.every(({ pid }) => pid > 0))
})

test('a trace says which endpoint rested', () => {
  const trace = new LinkTrace()
  const cause = new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'gone')
  const at = { distributor: 'farm', endpoint: 'x' }
  trace.add({ type: 'scheduler', event: { kind: 'endpoint-rested', atMs: 170, ...at, restMs: 1, cause } })
  assert.ok(saved(trace).some(({ name, ts }) => name === 'endpoint-rested: x' && ts === 170_000))
})

function saved(trace: LinkTrace): readonly Slice[] {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-trace-'))
  try {
    const file = join(directory, 'trace.json')
    trace.save(file)
    return (JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: readonly Slice[] }).traceEvents
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('a phase says how long the event loop stood still', async () => {
  const trace = new LinkTrace()
  await turnsOfTheLoop()
  trace.add({ type: 'jobs', jobs: [] })
  const endMs = performance.now() + 60
  while (performance.now() < endMs);
  await turnsOfTheLoop()
  trace.add({ type: 'objects', importsOf: () => [] })
  const blockedMs = saved(trace).flatMap(({ cat, args }) => (cat === 'lld' ? [Number(args['loopBlockedMs'])] : []))
  assert.ok((blockedMs[1] ?? 0) >= 50, JSON.stringify(blockedMs))
})

/** In which it is looked at. */
async function turnsOfTheLoop(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 6))
}
