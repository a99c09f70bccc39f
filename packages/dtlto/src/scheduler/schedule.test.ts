/**
 * The schedule as a whole, one part of its contract after the other: where jobs go, and what becomes of them. Endpoints, limits, queues, probes and rests have files of their own;
 * what is here needs all of it at once, and reads best in one place.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeJob } from '../../../testkit/src/index.js'
import type { Fault } from '../../../testkit/src/index.js'
import type { Distributor } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { SchedulerEvent } from './events.js'
import { costs, link, ofKind, slots, starts } from './test-link.fixture.js'

const trouble: Fault = { kind: 'trouble', afterMs: 5 }
const local = (count = 2) => ({ ...slots(count), isLocal: true })

describe('order and placement', () => {
  it('starts the longest job first', async () => {
    const run = await link(costs(10, 50, 30), { farm: slots(1) })
    assert.deepEqual(starts(run), ['1@farm', '2@farm', '0@farm'])
  })

  it('believes a past duration more than the cost', async () => {
    const run = await link(costs(10, 50, 30), { farm: slots(1) }, {}, { pastMs: (job) => [90, 40, 30][job.index] })
    assert.equal(starts(run)[0], '0@farm')
  })

  it("keeps lld's own order when only this machine compiles and no past durations are known", async () => {
    const run = await link(costs(10, 50, 30), { local: local(1) })
    assert.deepEqual(starts(run), ['0@local', '1@local', '2@local'])
  })

  it('starts the longest first on this machine too, when past durations are known', async () => {
    const run = await link(costs(10, 50, 30), { local: local(1) }, {}, { pastMs: (job) => job.cost })
    assert.deepEqual(starts(run), ['1@local', '2@local', '0@local'])
  })

  it('places results by the position of their job, whatever the order of arrival', async () => {
    const jobs = costs(300, 100, 200)
    const run = await link(jobs, { farm: slots(3) })
    assert.deepEqual(
      run.results.map((result) => result.kind === 'done' && result.timings.compileMs),
      [300, 100, 200],
    )
  })

  it('sends the longest job to the faster distributor', async () => {
    const run = await link(costs(1000, 100), {
      slow: { ...slots(1, 0.2), status: (truth) => ({ ...truth, speed: 0.2 }) },
      fast: { ...slots(1, 4), status: (truth) => ({ ...truth, speed: 4 }) },
    })
    assert.equal(starts(run)[0], '0@fast')
  })

  it('gives a slow distributor only what it should finish before the rest of the link is done', async () => {
    const jobs = costs(...Array.from({ length: 40 }, (_, i) => 1000 + i), ...Array.from({ length: 40 }, () => 50))
    const run = await link(jobs, {
      fast: slots(4),
      slow: { ...slots(1, 0.1), status: (truth) => ({ ...truth, speed: 0.1 }) },
    })
    const alone = (40 * 1020 + 40 * 50) / 4
    assert.ok(run.makespanMs < alone * 1.05, `took ${String(run.makespanMs)} ms`)
    assert.ok((run.fakes['slow']?.calls.length ?? 0) > 0)
  })

  it('learns that a distributor is slower than it says', async () => {
    const jobs = costs(...Array.from({ length: 200 }, () => 100))
    const run = await link(jobs, {
      honest: slots(4),
      liar: { ...slots(4, 0.05), status: (truth) => ({ ...truth, speed: 3 }) },
    })
    assert.ok(run.makespanMs < (200 * 100) / 4 + 500, `took ${String(run.makespanMs)} ms`)
  })

  it('keeps this machine and a farm busy together', async () => {
    const run = await link(costs(...Array.from({ length: 60 }, () => 100)), {
      local: local(2),
      farm: { ...slots(4), latencyMs: 10 },
    })
    assert.ok(run.makespanMs < 1250, `took ${String(run.makespanMs)} ms`)
  })

  it('sends no more than the slots, and to this machine one more, so that no thread waits', async () => {
    const run = await link(costs(...Array.from({ length: 60 }, () => 100)), { local: local(2), farm: slots(4) })
    assert.equal(run.fakes['farm']?.maxInFlight, 4)
    assert.equal(run.fakes['local']?.maxInFlight, 3)
  })

  it('leaves slots to others who use them, but always asks for one', async () => {
    const crowded = await link(costs(...Array.from({ length: 20 }, () => 100)), {
      farm: { ...slots(8), status: (truth) => ({ ...truth, busyElsewhere: 5 }), prepare: () => Promise.resolve() },
    })
    assert.equal(
      crowded.results.every((result) => result.kind === 'done'),
      true,
    )
    const full = await link(costs(100, 100), {
      farm: { ...slots(8), status: (truth) => ({ ...truth, busyElsewhere: 99 }) },
    })
    assert.equal(
      full.results.every((result) => result.kind === 'done'),
      true,
    )
  })

  it('resolves at once when there is nothing to do', async () => {
    assert.deepEqual((await link([], { farm: slots(1) })).results, [])
  })
})

describe('preparing', () => {
  it('tells distributors in which order jobs are going to start, and which of them nobody compiles yet', async () => {
    const jobs = costs(10, 50, 30)
    const seen: { order?: readonly number[]; waiting?: () => readonly number[] } = {}
    const prepare: Distributor['prepare'] = (given, _signal, waiting) => {
      seen.order = given.map(({ index }) => index)
      seen.waiting = () => given.filter((job) => waiting.isWaiting(job)).map(({ index }) => index)
      return Promise.resolve()
    }
    const waitingAt: (readonly number[] | undefined)[] = []
    const onEvent = ({ kind }: SchedulerEvent): void => {
      if (kind === 'attempt-started' || kind === 'job-ended') waitingAt.push(seen.waiting?.())
    }
    await link(jobs, { farm: { ...slots(1), prepare } }, {}, { pastMs: (job) => [90, 40, 30][job.index], onEvent })
    assert.deepEqual(seen.order, [0, 1, 2])
    assert.deepEqual(waitingAt, [[1, 2], [1, 2], [2], [2], [], []])
    assert.equal(seen.waiting?.().length, 0)
  })

  it('sends nothing to a distributor before it has prepared, and uses the others meanwhile', async () => {
    const run = await link(
      costs(...Array.from({ length: 20 }, () => 100)),
      { local: local(1), farm: { ...slots(4), prepare: () => new Promise(() => undefined) } },
      { prepareMs: 500 },
    )
    assert.ok(Math.min(...(run.fakes['farm']?.calls.map((call) => call.atMs) ?? [])) >= 500)
    assert.deepEqual(run.warnings, ['farm: slow-start'])
  })

  it('goes on with a warning when preparing fails', async () => {
    const run = await link(costs(10), { farm: { ...slots(1), prepare: () => Promise.reject(new Error('no store')) } })
    assert.equal(run.results[0]?.kind, 'done')
    assert.deepEqual(run.warnings, ['farm: prepare'])
  })
})

describe('trouble', () => {
  it('retries a job elsewhere, and warns once for each distributor and kind of trouble', async () => {
    const run = await link(costs(...Array.from({ length: 30 }, () => 100)), {
      good: slots(2),
      bad: { ...slots(2), script: () => trouble },
    })
    assert.deepEqual(
      run.placed,
      run.placed.map(() => 1),
    )
    assert.deepEqual(run.warnings, ['bad: DTLTO_DISTRIBUTOR_FAILED'])
    for (const job of new Set(run.fakes['bad']?.calls.map((call) => call.job))) {
      assert.equal(run.fakes['bad']?.calls.filter((call) => call.job === job).length, 1)
    }
  })

  it('rejects a truncated object and compiles the job again', async () => {
    const run = await link(costs(100), {
      farm: { ...slots(1), script: ({ call }) => (call === 0 ? { kind: 'truncated' } : undefined) },
    })
    assert.equal(run.results[0]?.kind, 'done')
    assert.deepEqual(run.warnings, ['farm: DTLTO_OBJECT_REJECTED'])
  })

  it('falls back to this machine when a job has failed too often', async () => {
    const run = await link(
      costs(100, 100),
      {
        farm: { ...slots(2), script: ({ job }) => (job.index === 0 ? trouble : undefined) },
        local: { ...local(1), role: 'fallback' },
      },
      { breakerTroubles: 100 },
    )
    assert.equal(run.fakes['farm']?.calls.filter((call) => call.job === 0).length, 4)
    assert.equal(run.results[0]?.kind === 'done' && run.results[0].distributor, 'local')
    assert.equal(run.results[1]?.kind === 'done' && run.results[1].distributor, 'farm')
  })

  it('fails clearly when nobody is left and falling back is switched off', async () => {
    const run = await link(
      costs(100, 50),
      { farm: { ...slots(1), script: () => trouble }, local: { ...local(1), role: 'fallback' } },
      { fallback: 'none', restMs: 10 },
    )
    const [first, second] = run.results
    assert.ok(first?.kind === 'failed' || second?.kind === 'failed')
    const failed = first?.kind === 'failed' ? first : second
    assert.ok(failed?.kind === 'failed')
    assert.equal(failed.error.code, 'DTLTO_NO_DISTRIBUTOR_LEFT')
    assert.match(failed.error.message, /'module-\d\.o'.*'farm': worker 'w' failed/)
    assert.equal(run.fakes['local']?.calls.length, 0)
  })

  it('gives up in bounded time when nobody takes work and falling back is switched off', async () => {
    const run = await link(
      costs(100),
      { farm: { ...slots(1), status: (truth) => ({ ...truth, accepting: false }) } },
      { fallback: 'none', giveUpMs: 5000 },
    )
    assert.equal(run.results[0]?.kind, 'failed')
    assert.ok(run.makespanMs < 6000)
  })

  it('starts on this machine when a distributor does not come up, and goes back when it does', async () => {
    const run = await link(
      costs(...Array.from({ length: 100 }, () => 100)),
      {
        farm: { ...slots(10), status: (truth) => ({ ...truth, accepting: run0.clockNow() > 3000 }) },
        local: { ...local(1), role: 'fallback' },
      },
      { patienceMs: 2000 },
      { during: (clock) => (run0.clockNow = () => clock.now()) },
    )
    assert.ok((run.fakes['local']?.calls.length ?? 0) >= 9)
    assert.ok(run.makespanMs < 4500, `took ${String(run.makespanMs)} ms`)
  })

  it('retires a distributor that is set up wrongly', async () => {
    const run = await link(costs(...Array.from({ length: 20 }, () => 100)), {
      farm: { ...slots(4), script: () => ({ kind: 'trouble', afterMs: 1, code: 'DTLTO_PLUGIN_OPTION_INVALID' }) },
      local: { ...local(2), role: 'fallback' },
    })
    assert.equal(run.fakes['farm']?.calls.length, 4)
    assert.equal(ofKind(run, 'endpoint-retired').length, 1)
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
  })

  it('fails the link at a verification mismatch instead of hiding it', async () => {
    const run = await link(costs(100, 50), {
      farm: { ...slots(1), script: () => ({ kind: 'trouble', afterMs: 1, code: 'DTLTO_VERIFY_MISMATCH' }) },
    })
    assert.equal(run.results[0]?.kind === 'failed' && run.results[0].error.code, 'DTLTO_VERIFY_MISMATCH')
    assert.equal(run.results[1]?.kind, 'cancelled')
  })
})

const run0: { clockNow: () => number } = { clockNow: () => 0 }

describe('what a distributor cannot express, and what does not compile', () => {
  it('never asks a distributor again for a job that it cannot express, counts no failure, and names the reason once', async () => {
    const run = await link(costs(...Array.from({ length: 20 }, () => 100)), {
      farm: { ...slots(10), script: () => ({ kind: 'cannot', reason: 'no spelling' }) },
      local: { ...local(2), role: 'fallback' },
    })
    assert.equal(run.fakes['farm']?.calls.length, 20)
    assert.equal(ofKind(run, 'endpoint-rested').length, 0)
    assert.deepEqual(run.warnings, ['farm: took-none'])
    assert.equal(
      run.results.every((result) => result.kind === 'done' && result.distributor === 'local'),
      true,
    )
  })

  it('compiles a job that a remote compiler refused once more here, and reports what this machine says', async () => {
    const run = await link(costs(100, 100), {
      farm: {
        ...slots(2),
        script: ({ job }) => (job.index === 0 ? { kind: 'does-not-compile', message: 'remote words' } : undefined),
      },
      local: { ...local(1), role: 'fallback', script: () => ({ kind: 'does-not-compile', message: 'own words' }) },
    })
    assert.deepEqual(run.results[0], {
      kind: 'does-not-compile',
      distributor: 'local',
      diagnostics: [{ severity: 'error', message: 'own words' }],
    })
    assert.equal(run.results[1]?.kind, 'done')
  })

  it('takes a refusal that this machine does not confirm as a trouble of the distributor', async () => {
    const run = await link(costs(100), {
      farm: { ...slots(2), script: () => ({ kind: 'does-not-compile', message: 'wrong' }) },
      local: { ...local(1), role: 'fallback' },
    })
    assert.equal(run.results[0]?.kind === 'done' && run.results[0].distributor, 'local')
    assert.deepEqual(run.warnings, ['farm: refused'])
  })

  it('believes the remote compiler when falling back is switched off', async () => {
    const run = await link(
      costs(100),
      { farm: { ...slots(2), script: () => ({ kind: 'does-not-compile', message: 'remote words' }) } },
      { fallback: 'none' },
    )
    assert.equal(run.results[0]?.kind === 'does-not-compile' && run.results[0].distributor, 'farm')
  })

  it('goes on compiling after an error, as stock lld does', async () => {
    const run = await link(costs(10, 100, 100), {
      local: {
        ...local(1),
        script: ({ job }) => (job.index === 0 ? { kind: 'does-not-compile', message: 'no' } : undefined),
      },
    })
    assert.deepEqual(
      run.results.map((result) => result.kind),
      ['does-not-compile', 'done', 'done'],
    )
  })
})

describe('the circuit breaker', () => {
  it('rests a distributor after troubles in a row, longer each time, and probes it with one short job', async () => {
    const run = await link(costs(...Array.from({ length: 100 }, (_, i) => 100 + i)), {
      local: local(2),
      dead: { ...slots(2), outages: [{ fromMs: 0, toMs: 1e9 }] },
    })
    const rests = ofKind(run, 'endpoint-rested')
    assert.deepEqual(
      rests.slice(0, 3).map((event) => event.restMs),
      [1000, 2000, 4000],
    )
    const probes = ofKind(run, 'attempt-started').filter((event) => event.reason === 'probe')
    assert.equal(probes.length, rests.length - 1)
    assert.equal(probes[0]?.job, 0)
  })

  it('takes a distributor back that works again', async () => {
    const run = await link(costs(...Array.from({ length: 200 }, () => 100)), {
      local: local(1),
      farm: { ...slots(8), outages: [{ fromMs: 300, toMs: 1200 }] },
    })
    assert.equal(ofKind(run, 'endpoint-recovered').length, 1)
    assert.ok(run.makespanMs < 5000, `took ${String(run.makespanMs)} ms`)
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
  })

  it('bears one bad machine in a large farm', async () => {
    const run = await link(costs(...Array.from({ length: 1000 }, () => 1000)), {
      farm: {
        workers: [
          ...Array.from({ length: 25 }, (_, i) => ({ name: `w${String(i)}`, slots: 4 })),
          { name: 'bad', slots: 4, fault: trouble },
        ],
      },
    })
    assert.equal(ofKind(run, 'endpoint-rested').length, 0)
    assert.ok(run.makespanMs <= 11_500, `took ${String(run.makespanMs)} ms`)
  })
})

describe('hedging', () => {
  it('duplicates a job that hangs at the tail; the first object wins and the other attempt is aborted', async () => {
    const run = await link(costs(...Array.from({ length: 20 }, () => 1000)), {
      farm: {
        workers: Array.from({ length: 10 }, (_, i) => ({ name: `w${String(i)}`, slots: 1 })),
        script: ({ call }) => (call === 0 ? { kind: 'hang' } : undefined),
      },
    })
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
    assert.ok(run.makespanMs < 4200, `took ${String(run.makespanMs)} ms`)
    assert.equal(ofKind(run, 'attempt-ended').filter((event) => event.outcome.kind === 'abandoned').length, 1)
    assert.equal(run.fakes['farm']?.inFlight, 0)
  })

  it('duplicates a long job that got stuck while the rest of the link is still longer than it', async () => {
    const jobs = costs(4000, ...Array.from({ length: 400 }, () => 200))
    const run = await link(jobs, {
      farm: {
        workers: Array.from({ length: 4 }, (_, i) => ({ name: `w${String(i)}`, slots: 2 })),
        script: ({ call }) => (call === 0 ? { kind: 'slow', factor: 10 } : undefined),
      },
    })
    assert.ok(run.makespanMs < 15_500, `took ${String(run.makespanMs)} ms`)
  })

  it('lets idle local slots take over a straggler of a farm', async () => {
    const run = await link(costs(1000, 500), {
      farm: { ...slots(2), script: ({ job }) => (job.index === 0 ? { kind: 'hang' } : undefined) },
      local: { ...local(1), role: 'fallback' },
    })
    assert.equal(run.results[0]?.kind === 'done' && run.results[0].distributor === 'local', true)
    assert.ok(run.makespanMs < 5000, `took ${String(run.makespanMs)} ms`)
  })

  it('never duplicates work of this machine on this machine', async () => {
    const run = await link(costs(1000, 100, 100), {
      local: { ...local(4), script: ({ job }) => (job.index === 0 ? { kind: 'slow', factor: 50 } : undefined) },
    })
    assert.equal(run.fakes['local']?.calls.length, 3)
  })

  it('duplicates nothing when all goes as expected', async () => {
    const run = await link(costs(...Array.from({ length: 100 }, (_, i) => 100 + i)), {
      farm: { ...slots(10), latencyMs: 30 },
      local: local(2),
    })
    assert.equal(ofKind(run, 'job-hedged').length, 0)
  })

  it('can be switched off', async () => {
    const run = await link(
      costs(1000, 500),
      { farm: { ...slots(2), script: ({ call }) => (call === 0 ? { kind: 'slow', factor: 20 } : undefined) } },
      { hedge: false },
    )
    assert.equal(run.fakes['farm']?.calls.length, 2)
  })
})

describe('deadlines', () => {
  it('aborts an attempt that takes far too long and tries elsewhere, with a longer deadline the next time', async () => {
    const run = await link(
      costs(100),
      { farm: { ...slots(1), script: ({ call }) => (call < 2 ? { kind: 'hang' } : undefined) } },
      { hedge: false, deadlineFloorMs: 5000 },
    )
    assert.equal(run.results[0]?.kind, 'done')
    const [, second, third] = run.fakes['farm']?.calls.map((call) => call.atMs) ?? []
    assert.ok(
      second !== undefined && third !== undefined && second >= 5000 && second < 5200 && third - second >= 10_000,
    )
    assert.deepEqual(run.warnings, ['farm: DTLTO_DEADLINE_EXCEEDED'])
  })

  it('sets no deadline for this machine', async () => {
    const run = await link(costs(100), { local: { ...local(1), script: () => ({ kind: 'slow', factor: 100_000 }) } })
    assert.equal(run.fakes['local']?.calls.length, 1)
  })
})

describe('a distributor that breaks its contract costs a warning, never the link', () => {
  const survive = async (fault: Fault, warning: string[]): Promise<void> => {
    const run = await link(costs(...Array.from({ length: 20 }, () => 100)), {
      bad: { ...slots(2), script: ({ call }) => (call % 3 === 0 ? fault : undefined) },
      local: local(1),
    })
    assert.deepEqual(
      run.placed,
      run.placed.map(() => 1),
    )
    assert.deepEqual(run.warnings, warning)
    assert.ok(run.makespanMs < 60_000)
  }
  it('throws at once', () => survive({ kind: 'throw', value: new Error('oops') }, ['bad: DTLTO_PLUGIN_MISBEHAVED']))
  it('rejects with a string', () => survive({ kind: 'reject', value: 'oops' }, ['bad: DTLTO_PLUGIN_MISBEHAVED']))
  it('rejects with undefined', () => survive({ kind: 'reject', value: undefined }, ['bad: DTLTO_PLUGIN_MISBEHAVED']))
  it('answers twice', () => survive({ kind: 'answer-twice' }, []))
  it('answers with undefined', () => survive({ kind: 'garbage', value: undefined }, ['bad: DTLTO_PLUGIN_MISBEHAVED']))
  it('answers with an unknown kind', () =>
    survive({ kind: 'garbage', value: { kind: 'maybe' } }, ['bad: DTLTO_PLUGIN_MISBEHAVED']))
  it('answers with an object that is no bytes', () =>
    survive({ kind: 'garbage', value: { kind: 'object', object: 'bytes' } }, ['bad: DTLTO_PLUGIN_MISBEHAVED']))

  it('never answers', async () => {
    const run = await link(costs(...Array.from({ length: 20 }, () => 100)), {
      bad: { ...slots(4), script: () => ({ kind: 'hang' }) },
      local: local(1),
    })
    assert.deepEqual(
      run.placed,
      run.placed.map(() => 1),
    )
    assert.ok(run.makespanMs < 5000, `took ${String(run.makespanMs)} ms`)
  })

  it('ignores that it is aborted', async () => {
    const run = await link(
      costs(...Array.from({ length: 100 }, () => 100)),
      {
        bad: { ...slots(2), script: ({ call }) => (call < 2 ? { kind: 'ignore-abort' } : undefined) },
        local: local(1),
      },
      { deadlineFloorMs: 500, abortGraceMs: 500, hedge: false },
    )
    assert.ok(run.warnings.includes('bad: ignores-abort'))
    assert.ok((run.fakes['bad']?.calls.length ?? 0) > 2, 'its slots come back after the grace')
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
  })

  for (const lie of [-1, NaN, 'many', null, undefined]) {
    it(`says that it has ${String(lie)} slots`, async () => {
      const run = await link(costs(10, 10), {
        bad: { ...slots(2), status: (truth) => ({ ...truth, slots: lie }) },
        local: { ...local(1), role: 'fallback' },
      })
      assert.deepEqual(run.warnings, ['bad: slots'])
      assert.equal(
        run.results.every((result) => result.kind === 'done' && result.distributor === 'local'),
        true,
      )
    })
  }

  it('says that it has infinitely many slots', async () => {
    const run = await link(costs(10, 10, 10), {
      bad: { ...slots(1), status: (truth) => ({ ...truth, slots: Infinity }) },
    })
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
  })

  it('changes its slots with every look', async () => {
    let looks = 0
    const run = await link(costs(...Array.from({ length: 50 }, () => 10)), {
      bad: { ...slots(4), status: (truth) => ({ ...truth, slots: looks++ % 5 }) },
    })
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
  })

  it('throws from status', async () => {
    const boom = (): never => {
      throw new Error('boom')
    }
    const run = await link(costs(10, 10), {
      bad: { ...slots(2), status: boom },
      local: { ...local(1), role: 'fallback' },
    })
    assert.deepEqual(run.warnings, ['bad: status'])
    assert.equal(
      run.results.every((result) => result.kind === 'done'),
      true,
    )
  })
})

describe('cancelling', () => {
  it('aborts what runs, starts nothing more, and ends every job', async () => {
    const controller = new AbortController()
    const run = await link(
      costs(...Array.from({ length: 50 }, () => 100)),
      { farm: slots(4) },
      {},
      { signal: controller.signal, during: (clock) => void clock.setTimer(250, () => controller.abort()) },
    )
    assert.equal(run.makespanMs, 250)
    assert.equal(run.results.filter((result) => result.kind === 'done').length, 8)
    assert.equal(run.results.filter((result) => result.kind === 'cancelled').length, 42)
    assert.equal(run.fakes['farm']?.inFlight, 0)
  })

  it('starts nothing when it is cancelled already', async () => {
    const run = await link(costs(100), { farm: slots(4) }, {}, { signal: AbortSignal.abort() })
    assert.deepEqual(run.results, [{ kind: 'cancelled' }])
    assert.equal(run.fakes['farm']?.calls.length, 0)
  })
})

describe('bugs of ours', () => {
  it('end the schedule with an error instead of leaving it waiting', async () => {
    await assert.rejects(
      link(
        costs(100),
        { farm: slots(1) },
        {},
        {
          accept: () => {
            throw new TypeError('bug')
          },
        },
      ),
      /bug/,
    )
    await assert.rejects(
      link(
        costs(100),
        { farm: slots(1) },
        {},
        {
          onEvent: () => {
            throw new TypeError('bug')
          },
        },
      ),
      /bug/,
    )
  })

  it('accepts the errors of another copy of this package', async () => {
    const run = await link([fakeJob(0)], {
      farm: {
        ...slots(1),
        script: ({ call }) =>
          call === 0 ? { kind: 'reject', value: new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'x') } : undefined,
      },
    })
    assert.equal(run.results[0]?.kind, 'done')
  })
})
