import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import type { BackendJob, CompileTimings } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { AttemptOutcome } from '../scheduler/events.js'
import { LinkTimings } from './timings.js'

const directory = mkdtempSync(join(tmpdir(), 'dtlto-timings-'))
const path = join(directory, 'timings.json')

/** A link in which each module was compiled once, in the milliseconds given. */
function link(
  modules: Readonly<Record<string, number>>,
  outcome: AttemptOutcome = { kind: 'placed' },
  timings?: CompileTimings,
): LinkTimings {
  const link = new LinkTimings(path)
  link.add({ type: 'jobs', jobs: Object.keys(modules).map((moduleId) => ({ moduleId }) as BackendJob) })
  for (const [job, ms] of Object.values(modules).entries()) {
    const at = { distributor: 'farm', endpoint: 'm1', reason: 'first', expectedMs: 1 } as const
    const times = { sentMs: 20, startedMs: 50, answeredMs: 50 + ms, atMs: 60 + ms }
    const ended = { kind: 'attempt-ended', job, attempt: job, outcome, ...times, ...(timings && { timings }) } as const
    link.add({ type: 'scheduler', event: { ...ended, ...at } })
  }
  return link
}

const kept = (): unknown => JSON.parse(readFileSync(path, 'utf8'))

describe('timings of past links', () => {
  beforeEach(() => rmSync(path, { force: true }))
  after(() => rmSync(directory, { recursive: true, force: true }))

  test('are none before the first link, and those of the last ones after', () => {
    const first = link({ 'a.o': 100, 'b.o': 7 })
    assert.equal(first.pastMs, undefined)
    assert.equal(first.save(), undefined)
    assert.deepEqual(kept(), { dtltoTimings: 1, modules: { 'a.o': 100, 'b.o': 7 } })
    const second = link({ 'a.o': 200 })
    assert.deepEqual(
      ['a.o', 'b.o', 'c.o'].map((moduleId) => second.pastMs?.({ moduleId })),
      [100, 7, undefined],
    )
    second.save()
    assert.equal(new LinkTimings(path).pastMs?.({ moduleId: 'a.o' }), 150)
    assert.deepEqual(readdirSync(directory), ['timings.json'])
  })

  test('are those of compiling, where a distributor states them, and of attempts that made the object', () => {
    link({ 'a.o': 100 }, { kind: 'placed' }, { compileMs: 30 }).save()
    link({ 'b.o': 100 }, { kind: 'abandoned' }).save()
    assert.deepEqual(kept(), { dtltoTimings: 1, modules: { 'a.o': 30 } })
  })

  test('are none in /dev/null, which stays what it is', () => {
    // By a link: whoever is root could replace the device.
    symlinkSync('/dev/null', path)
    assert.equal(link({ 'a.o': 100 }).save(), undefined)
    assert.equal(new LinkTimings(path).pastMs, undefined)
    assert.ok(lstatSync(path).isSymbolicLink())
  })

  for (const special of ['/dev/zero', '/dev/full', '/dev', 'fifo']) {
    test(`are not looked for in ${special}`, () => {
      const other = special === 'fifo' ? join(directory, special) : special
      if (special === 'fifo') execFileSync('mkfifo', [other])
      assert.throws(() => new LinkTimings(other), {
        code: 'DTLTO_OPTION_INVALID',
        message: /is no regular file; name another/,
      })
      if (special === 'fifo') rmSync(other)
    })
  }

  test('know an archive member again at another offset', () => {
    link({ 'lib.a(b.o at 60)': 5, 'lib.a(c.o)1234': 9, 'odd at 60': 11 }).save()
    const { pastMs } = new LinkTimings(path)
    const ids = ['lib.a(b.o at 94)', 'lib.a(c.o)99', 'odd at 60', 'odd at 61']
    assert.deepEqual(
      ids.map((moduleId) => pastMs?.({ moduleId })),
      [5, 9, 11, undefined],
    )
  })

  test('of links that end at the same time are all kept', () => {
    const [one, other] = [link({ 'a.o': 1 }), link({ 'b.o': 2 })]
    one.save()
    other.save()
    assert.deepEqual(kept(), { dtltoTimings: 1, modules: { 'a.o': 1, 'b.o': 2 } })
  })

  test('are not written over a file that is something else', () => {
    for (const text of ['int main;', '{"modules":{}}', '[]', 'null']) {
      writeFileSync(path, text)
      assert.throws(
        () => new LinkTimings(path),
        (error) => DtltoError.is(error) && error.code === 'DTLTO_OPTION_INVALID' && error.message.includes(path),
      )
    }
    writeFileSync(path, '')
    assert.equal(new LinkTimings(path).pastMs, undefined)
    writeFileSync(path, '{"dtltoTimings":1,"modules":{"a.o":"soon","b.o":-1,"c.o":3}}')
    const { pastMs } = new LinkTimings(path)
    assert.deepEqual(
      ['a.o', 'b.o', 'c.o'].map((moduleId) => pastMs?.({ moduleId })),
      [undefined, undefined, 3],
    )
  })

  test('that cannot be written are a matter for a warning', () => {
    const timings = link({ 'a.o': 1 })
    rmSync(directory, { recursive: true })
    assert.match(timings.save() ?? '', /cannot write '.*timings\.json': no such file or directory$/)
  })
})
