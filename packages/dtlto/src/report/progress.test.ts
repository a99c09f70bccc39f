import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { BackendJob } from '../distributors/interface.js'
import type { LinkListener } from '../link/events.js'
import { progressLine, progressLog } from './progress.js'

const jobs = ['a.o', 'b.o', 'c.o'].map((moduleId) => ({ moduleId, cost: 1, bitcodeBytes: 0 }) as BackendJob)

/** The listener's clock, in which nothing passes but what is asked for. */
function clock({ mock }: TestContext): (ms: number) => void {
  let nowMs = 0
  mock.timers.enable({ apis: ['setInterval'] })
  mock.method(performance, 'now', () => nowMs)
  return (ms) => {
    nowMs += ms
    mock.timers.tick(ms)
  }
}

function started(listener: LinkListener, job: number): void {
  const facts = { job, attempt: job, distributor: 'farm', endpoint: 'x', reason: 'first', expectedMs: 1 } as const
  listener({ type: 'scheduler', event: { kind: 'attempt-started', atMs: 0, ...facts } })
}

test('a log gets a plain line every ten seconds, and none once the objects are there', (context) => {
  const pass = clock(context)
  const written: string[] = []
  const listener = progressLog((text) => written.push(text), 'ld.dtlto')
  listener({ type: 'jobs', jobs })
  started(listener, 0)
  pass(9_999)
  assert.deepEqual(written, [])
  pass(1)
  assert.deepEqual(written, ['ld.dtlto: ThinLTO 0/3 · farm 1\n'])
  listener({ type: 'scheduler', event: { kind: 'job-ended', atMs: 12_000, job: 0, result: 'done' } })
  pass(20_000)
  assert.equal(written.length, 3)
  assert.match(written[2] ?? '', /^ld\.dtlto: ThinLTO 1\/3 · [^\x00-\x1f]*\n$/)
  listener({ type: 'objects', importsOf: () => [] })
  pass(60_000)
  assert.equal(written.length, 3)
})

test('a terminal gets no line of a link that is done in half a second, and none where others have it', (context) => {
  const pass = clock(context)
  const written: string[] = []
  const terminal = { isOurs: true, wasGivenBack: false }
  const listener = progressLine({
    write: (text) => written.push(text),
    columns: () => 20,
    mayDraw: () => terminal.isOurs,
    done: () => (terminal.wasGivenBack = true),
  })
  listener({ type: 'jobs', jobs })
  started(listener, 0)
  pass(400)
  assert.deepEqual(written, [])
  pass(100)
  assert.deepEqual(written, ['\r\x1b[KThinLTO 0/3 · farm '])
  terminal.isOurs = false
  pass(1_000)
  // Nor is anything cleared: what is there now is another's.
  listener({ type: 'objects', importsOf: () => [] })
  assert.equal(written.length, 1)
  assert.ok(terminal.wasGivenBack)
})
