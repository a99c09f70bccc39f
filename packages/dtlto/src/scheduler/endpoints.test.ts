/** What becomes of endpoints: refused, silent, gone, back, too many; and what the user is told of them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeDistributor, VirtualClock } from '../../../testkit/src/index.js'
import type { Fault } from '../../../testkit/src/index.js'
import type { CompileResult, Endpoint } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { Endpoints } from './endpoints.js'
import type { SchedulerEvent } from './events.js'
import { completePolicy } from './policy.js'
import { schedule } from './schedule.js'
import {
  costs,
  isDone,
  link,
  machines,
  ofKind,
  slots,
  startsAt,
  type TestLane,
  type TestRun,
} from './test-link.fixture.js'

const many = (count: number, ms = 100) => costs(...Array.from({ length: count }, () => ms))
const home = (role: TestLane['role'] = 'fallback'): TestLane => ({ ...slots(2), isLocal: true, role })
const messages = (run: TestRun): string[] => ofKind(run, 'warning').map(({ message }) => message)
const endpointsOf = (run: TestRun): Set<string> =>
  new Set(ofKind(run, 'attempt-started').map(({ endpoint }) => endpoint))

/** A lane whose snapshot depends on the time. */
function changing(lane: TestLane, shows: (nowMs: number, all: readonly Endpoint[]) => readonly Endpoint[]) {
  let clock: VirtualClock | undefined
  return {
    lane: { ...lane, snapshot: (all: readonly Endpoint[]) => shows(clock?.now() ?? 0, all) } satisfies TestLane,
    during: (its: VirtualClock): void => void (clock = its),
  }
}

describe('one of several endpoints', () => {
  it('that refuses a job for good is not asked again, and the others are', async () => {
    const refuses: Fault = { kind: 'trouble', afterMs: 1, code: 'DTLTO_ENDPOINT_REFUSED' }
    const run = await link(many(60), { farm: machines(3, { 1: refuses }) })
    assert.ok(isDone(run))
    assert.equal(startsAt(run, 'm1').length, 1)
    assert.deepEqual(
      ofKind(run, 'endpoint-retired').map(({ endpoint }) => endpoint),
      ['m1'],
    )
    assert.deepEqual(run.warnings, ['farm: DTLTO_ENDPOINT_REFUSED:m1'])
  })

  it('that alone cannot express a job is not asked for it again; its distributor is', async () => {
    const result = (job: { index: number }, worker: string): CompileResult =>
      worker === 'm0'
        ? { kind: 'cannot', reason: 'its clang has no such target', onlyThisEndpoint: true }
        : { kind: 'object', object: objectOf(job.index), diagnostics: [], sideOutputs: [], timings: {} }
    const run = await link(many(30), { farm: { ...machines(2), result } })
    assert.ok(isDone(run))
    const jobs = startsAt(run, 'm0').map(({ job }) => job)
    assert.ok(jobs.length > 1)
    assert.equal(new Set(jobs).size, jobs.length, 'each job was tried there once')
    assert.deepEqual(run.warnings, [])
  })

  it('goes on with the others when it fails at every job', async () => {
    const run = await link(many(60), { farm: machines(4, { 2: { kind: 'trouble', afterMs: 5 } }) })
    assert.ok(isDone(run))
    assert.deepEqual(new Set(ofKind(run, 'endpoint-rested').map(({ endpoint }) => endpoint)), new Set(['m2']))
    for (const { job } of startsAt(run, 'm2'))
      assert.equal(startsAt(run, 'm2').filter((event) => event.job === job).length, 1)
  })

  it('rests after a probe job that fails, and older attempts do not lengthen its rest', async () => {
    // Four were sent before the rest, and fail while the job is out that shows that the endpoint works again.
    const script: TestLane['script'] = ({ nowMs, call }) => {
      if (call < 4) return { kind: 'trouble', afterMs: 1_070 + call }
      return nowMs < 900 ? { kind: 'trouble', afterMs: 1 } : undefined
    }
    const run = await link(many(60), { farm: { ...slots(8), script }, home: home() }, { hedge: false, scoutShare: 0 })
    assert.ok(isDone(run))
    assert.deepEqual(
      ofKind(run, 'endpoint-rested').map(({ restMs }) => restMs),
      [1_000],
    )
  })
})

describe('an endpoint that disappears in mid-link', () => {
  it('gets no more jobs, may finish those that it has, and is used again when it is back', async () => {
    const { lane, during } = changing(machines(3), (nowMs, all) =>
      nowMs >= 450 && nowMs < 1_450 ? all.filter(({ id }) => id !== 'm1') : all,
    )
    const run = await link(many(80), { farm: lane }, {}, { during })
    assert.ok(isDone(run))
    const starts = startsAt(run, 'm1').map(({ atMs }) => atMs)
    assert.ok(starts.some((atMs) => atMs < 450))
    assert.ok(starts.some((atMs) => atMs >= 1_450))
    assert.deepEqual(
      starts.filter((atMs) => atMs >= 500 && atMs < 1_450),
      [],
    )
    assert.equal(ofKind(run, 'attempt-ended').filter(({ outcome }) => outcome.kind !== 'placed').length, 0)
    assert.deepEqual(run.warnings, [])
  })

  it('with all the others leaves the link to this machine', async () => {
    const { lane, during } = changing(machines(3), (nowMs, all) => (nowMs >= 450 ? [] : all))
    const run = await link(many(80), { farm: lane, home: home() }, {}, { during })
    assert.ok(isDone(run))
    assert.ok((run.fakes['home']?.calls.length ?? 0) > 40)
  })

  it('keeps the limits that it stated for what it still has', async () => {
    const { lane, during } = changing(
      { ...slots(2), status: (truth) => ({ ...truth, deadlineMs: 1_500 }), script: () => ({ kind: 'hang' }) },
      (nowMs, all) => (nowMs >= 100 ? [] : all),
    )
    const run = await link(many(2), { farm: lane, home: home() }, { hedge: false }, { during })
    assert.ok(isDone(run))
    assert.ok(run.makespanMs < 4_000, `took ${String(run.makespanMs)} ms`)
  })
})

describe('endpoints that appear late', () => {
  it('are waited for a moment, and get the jobs', async () => {
    const { lane, during } = changing(machines(4), (nowMs, all) => (nowMs >= 1_000 ? all : []))
    for (const lanes of [{ farm: lane, home: home() }, { farm: lane }]) {
      const run = await link(many(20), lanes, lanes.home ? {} : { fallback: 'none' }, { during })
      assert.ok(isDone(run))
      assert.deepEqual(endpointsOf(run), new Set(['m0', 'm1', 'm2', 'm3']))
    }
  })

  it('get jobs that were for this machine alone, as every other endpoint had refused', async () => {
    const refuses: Fault = { kind: 'trouble', afterMs: 1, code: 'DTLTO_ENDPOINT_REFUSED' }
    const { lane, during } = changing(machines(3, { 0: refuses }), (nowMs, all) =>
      nowMs >= 1_000 ? all : all.slice(0, 1),
    )
    const run = await link(many(80), { farm: lane, home: home() }, {}, { during })
    assert.ok(isDone(run))
    assert.ok(startsAt(run, 'm1').length > 10)
  })

  it('of a distributor that is not open yet are waited for, also where this machine may not compile', async () => {
    let open: () => void = () => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    const during = (clock: VirtualClock): void => void clock.setTimer(1_500, () => open())
    const run = await link(many(10), { farm: { ...machines(2), opened } }, { fallback: 'none' }, { during })
    assert.ok(isDone(run))
    assert.ok(run.makespanMs >= 2_000)
  })
})

describe('of many endpoints', () => {
  it('that are dead a few are named, not all', async () => {
    for (const fault of [
      { kind: 'trouble', afterMs: 20 },
      { kind: 'truncated' },
      { kind: 'throw', value: 1 },
    ] as Fault[]) {
      const faults = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [i * 17, fault]))
      const run = await link(many(2_000), { farm: machines(200, faults) })
      assert.ok(isDone(run))
      const kinds = new Map<string, number>()
      for (const warning of run.warnings) {
        const kind = warning.split(':').slice(0, 2).join(':')
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
      assert.ok(kinds.size > 0)
      for (const [kind, count] of kinds) assert.ok(count <= 5, `${kind}: ${String(count)} warnings`)
    }
  })

  it('no more are believed than make sense', async () => {
    const all = Array.from({ length: 25_000 }, (_, i) => ({ id: `e${String(i)}`, slots: 1, accepting: true }))
    const run = await link(many(4), { farm: { ...slots(1), snapshot: () => all } })
    assert.ok(isDone(run))
    let next = 0
    const restless = () =>
      Array.from({ length: 9_000 }, () => ({ id: `x${String(next++)}`, slots: 1, accepting: true }))
    const other = await link(many(4, 5_000), { farm: { ...slots(1), snapshot: restless } })
    assert.ok(isDone(other))
    assert.deepEqual(other.warnings, ['farm: status'])
    assert.ok(next > 30_000)
  })

  it('each may have any name', async () => {
    const ids = ['a b', 'a\nb', 'farm', 'local', '__proto__', 'constructor', '‮x', "it's", '0', ',|']
    const workers = ids.map((name) => ({ name, slots: 1, fault: { kind: 'trouble', afterMs: 5 } as const }))
    const run = await link(many(20), { farm: { workers, endpointPerWorker: true }, home: home() })
    assert.ok(isDone(run))
    assert.deepEqual(endpointsOf(run), new Set([...ids, 'local']))
    assert.equal(new Set(run.warnings).size, run.warnings.length)
  })
})

describe('slots that others use', () => {
  it('are left to them', async () => {
    for (const [busyElsewhere, most] of [
      [5, 3],
      [7.5, 1],
      [Infinity, 1],
      [NaN, 8],
    ] as const) {
      const farm: TestLane = { ...slots(8), status: (truth) => ({ ...truth, busyElsewhere }) }
      const run = await link(many(40), { farm })
      assert.ok(isDone(run))
      assert.equal(run.fakes['farm']?.maxInFlight, most, `${String(busyElsewhere)} busy`)
    }
  })
})

describe('this machine', () => {
  it('compiles nothing as the last resort as long as endpoints work, and its share when it takes part', async () => {
    const last = await link(many(60), { farm: machines(4), home: home('fallback') })
    assert.ok(isDone(last))
    assert.equal(last.fakes['home']?.calls.length, 0)
    const part = await link(many(60), { farm: machines(4), home: home('primary') })
    assert.equal(part.fakes['home']?.calls[0]?.atMs, 0)
    assert.ok((part.fakes['home']?.calls.length ?? 0) >= 15)
  })
})

describe('a distributor that took no job', () => {
  const cases: Readonly<Record<string, { readonly farm: TestLane; readonly why: string; readonly jobMs?: number }>> = {
    'because it cannot express any': {
      farm: { ...slots(4), script: () => ({ kind: 'cannot', reason: 'no spelling' }) },
      why: 'no spelling',
    },
    'because it accepts none': {
      farm: { ...slots(4), status: (truth) => ({ ...truth, accepting: false, text: '0 of 4 up' }) },
      why: 'it does not accept any (0 of 4 up)',
    },
    'because it has no endpoint': { farm: { ...slots(4), snapshot: () => [] }, why: 'it has no endpoint' },
    'because its probe takes too long': {
      farm: { ...slots(4), probe: () => new Promise(() => undefined) },
      why: 'it is still being probed',
    },
    'because it is still opening': {
      farm: { ...slots(4), opened: new Promise(() => undefined) },
      why: 'it is still opening',
    },
    'because it swallowed what it was sent': {
      farm: { ...slots(1), script: () => ({ kind: 'hang' }) },
      why: 'nothing that it was sent came back before others had compiled it',
      jobMs: 20_000,
    },
  }
  for (const [what, { farm, why, jobMs }] of Object.entries(cases)) {
    it(`is named in one warning, ${what}`, async () => {
      const run = await link(many(2, jobMs), { farm, home: home() })
      assert.ok(isDone(run))
      assert.deepEqual(messages(run), [`distributor 'farm' has not compiled any of the 2 jobs: ${why}`])
      assert.deepEqual(run.warnings, ['farm: took-none'])
    })
  }

  it('is not named when it is a cache that has none of them', async () => {
    const farm: TestLane = { ...slots(4), script: () => ({ kind: 'cannot', reason: 'not there', isMiss: true }) }
    const run = await link(many(2), { farm, home: home() })
    assert.ok(isDone(run))
    assert.deepEqual(run.warnings, [])
  })

  it('is not named when there was no job, when the link was cancelled, or when others were just faster', async () => {
    const silent: TestLane = { ...slots(4), status: (truth) => ({ ...truth, accepting: false }) }
    assert.deepEqual((await link([], { farm: silent, home: home() })).warnings, [])
    const signal = AbortSignal.abort()
    assert.deepEqual((await link(many(2), { farm: silent, home: home() }, {}, { signal })).warnings, [])
    assert.deepEqual((await link(many(1), { farm: slots(4), home: home('primary') })).warnings, [])
    const slow: TestLane = { ...slots(4), latencyMs: 1_000 }
    assert.deepEqual((await link(many(2), { farm: slow, home: home() })).warnings, [])
  })
})

describe('a duplicate that waits', () => {
  it('never goes to a distributor that has answered meanwhile that it cannot express the job', async () => {
    // Job 0 is late at one machine, then at a second one, and its next duplicate waits for the third, which is busy with job 1.
    const result = (job: { index: number }): CompileResult =>
      job.index === 0
        ? { kind: 'cannot', reason: 'no spelling' }
        : { kind: 'object', object: objectOf(job.index), diagnostics: [], sideOutputs: [], timings: {} }
    const durationMs = (job: { index: number; cost: number }): number => (job.index === 0 ? 7_000 : job.cost)
    let open: () => void = () => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    const run = await link(
      costs(1_000, 10_000, ...Array.from({ length: 8 }, () => 500)),
      { farm: { ...machines(3), result, durationMs }, other: { ...slots(1), opened } },
      { scoutShare: 0, hedgeAhead: 10 },
      { during: (clock) => void clock.setTimer(13_000, () => open()) },
    )
    assert.ok(isDone(run))
    const cannotMs = ofKind(run, 'attempt-ended').find(({ outcome }) => outcome.kind === 'cannot')?.atMs ?? NaN
    const hedged = ofKind(run, 'job-hedged').filter(({ job, atMs }) => job === 0 && atMs < cannotMs)
    const before = ofKind(run, 'attempt-started').filter(({ job, atMs }) => job === 0 && atMs < cannotMs)
    assert.deepEqual([hedged.length, before.length], [2, 2], 'a duplicate waits when the answer comes')
    assert.deepEqual(
      ofKind(run, 'attempt-started')
        .filter(({ job, atMs }) => job === 0 && atMs >= cannotMs)
        .map(({ distributor }) => distributor),
      ['other'],
    )
  })
})

describe('after a bug of ours', () => {
  it('nothing is accepted any more, and what runs is aborted', async () => {
    const clock = new VirtualClock()
    const fake = fakeDistributor({ clock, name: 'farm', ...slots(4) })
    const endpoints = new Endpoints({
      distributors: [{ name: 'farm', distributor: fake }],
      clock,
      policy: completePolicy({ guessedMsPerCost: 1 }),
    })
    let accepts = 0
    const done = schedule({
      jobs: costs(100, 300, 500),
      home: undefined,
      homeTakesPart: false,
      endpoints,
      clock,
      accept: () => {
        if (++accepts > 0) throw new TypeError('bug')
        return 'placed'
      },
    })
    await assert.rejects(clock.run(done), /bug/)
    await clock.run(clock.sleep(0))
    assert.equal(fake.inFlight, 0)
    await clock.run(clock.sleep(1_000))
    assert.equal(accepts, 1)
  })
})

describe('endpoints without a schedule', () => {
  it('may end at any time, whatever is under way', async () => {
    const clock = new VirtualClock()
    const events: SchedulerEvent[] = []
    let fail: (error: Error) => void = () => undefined
    const failing = new Promise<void>((_, reject) => (fail = reject))
    const probe = (): Promise<void> => failing
    const endpoints = new Endpoints({
      distributors: [
        { name: 'a', distributor: fakeDistributor({ clock, probe }) },
        { name: 'b', distributor: new Promise(() => undefined) },
        { name: 'c', distributor: Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'no route')) },
      ],
      clock,
      policy: completePolicy(),
      onEvent: (event) => void events.push(event),
    })
    await clock.run(clock.sleep(10))
    endpoints.end()
    endpoints.end()
    fail(new Error('too late'))
    await clock.run(clock.sleep(20_000))
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['endpoint-retired'],
    )
  })
})

/** What the fake returns for a job. */
function objectOf(index: number): Uint8Array {
  const object = new Uint8Array(8)
  new DataView(object.buffer).setUint32(4, index)
  return object
}
