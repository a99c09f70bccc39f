/** Distributors that tell by themselves whether an endpoint works. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { VirtualClock } from '../../../testkit/src/index.js'
import type { Endpoint } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { costs, isDone, link, machines, ofKind, slots, startsAt, type TestLane } from './test-link.fixture.js'

const down = (id: string): DtltoError => new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', `cannot connect to ${id}`)
const home = (role: TestLane['role'] = 'fallback'): TestLane => ({ ...slots(1), isLocal: true, role })
const many = (count: number, ms = 100) => costs(...Array.from({ length: count }, () => ms))

/** A `probe` that notes its calls; `answer` gives its promise. */
function noting(answer: (endpoint: Endpoint, nowMs: number, clock: VirtualClock) => Promise<void>) {
  const calls: { readonly id: string; readonly atMs: number }[] = []
  let clock: VirtualClock | undefined
  return {
    calls,
    during: (its: VirtualClock): void => void (clock = its),
    probe: (endpoint: Endpoint): Promise<void> => {
      if (clock === undefined) throw new Error('the link has no clock yet')
      calls.push({ id: endpoint.id, atMs: clock.now() })
      return answer(endpoint, clock.now(), clock)
    },
  }
}

describe('a probe', () => {
  it('comes before the first job of each endpoint', async () => {
    const { calls, during, probe } = noting((_, __, clock) => clock.sleep(30))
    const run = await link(many(20), { farm: { ...machines(3), probe } }, {}, { during })
    assert.ok(isDone(run))
    assert.deepEqual(
      calls.map(({ id, atMs }) => `${id}@${String(atMs)}`),
      ['m0@0', 'm1@0', 'm2@0'],
    )
    assert.equal(ofKind(run, 'attempt-started')[0]?.atMs, 30)
    assert.equal(ofKind(run, 'attempt-started').filter(({ reason }) => reason === 'probe').length, 0)
  })

  it('comes after each rest, and no job is risked as long as it fails', async () => {
    const { calls, during, probe } = noting((endpoint, nowMs) =>
      endpoint.id === 'm1' && nowMs < 6_000 ? Promise.reject(down('m1')) : Promise.resolve(),
    )
    const run = await link(many(200), { farm: { ...machines(2), probe } }, {}, { during })
    assert.ok(isDone(run))
    assert.deepEqual(
      calls.filter(({ id }) => id === 'm1').map(({ atMs }) => Math.round(atMs / 500) * 500),
      [0, 1_000, 3_000, 7_000],
    )
    assert.ok(startsAt(run, 'm1').length > 0)
    assert.ok(startsAt(run, 'm1').every(({ atMs }) => atMs >= 7_000))
    assert.deepEqual(run.warnings, ['farm: DTLTO_DISTRIBUTOR_UNAVAILABLE:m1'])
    assert.equal(ofKind(run, 'endpoint-recovered').length, 1)
  })

  it('that finds a machine lost whose jobs are late gives them to others at once', async () => {
    const { during, probe } = noting((endpoint, nowMs) =>
      endpoint.id === 'm0' && nowMs > 0 ? Promise.reject(down('m0')) : Promise.resolve(),
    )
    const lanes = { farm: { ...machines(3, { 0: { kind: 'hang' } }), probe } }
    const run = await link(many(40, 300), lanes, { hedge: false }, { during })
    assert.ok(isDone(run))
    const [lost] = ofKind(run, 'attempt-ended').filter(({ outcome }) => outcome.kind === 'abandoned')
    assert.equal(lost?.endpoint, 'm0')
    assert.equal(ofKind(run, 'job-requeued')[0]?.atMs, lost.atMs)
    assert.ok(lost.atMs < 2_500, `at ${String(lost.atMs)} ms`)
    assert.equal(ofKind(run, 'endpoint-rested')[0]?.atMs, lost.atMs)
    assert.deepEqual(run.warnings, ['farm: DTLTO_DISTRIBUTOR_UNAVAILABLE:m0'])
  })

  it('that finds a slow machine alive leaves it its jobs', async () => {
    const { calls, during, probe } = noting(() => Promise.resolve())
    const lanes = { farm: { ...machines(2, { 0: { kind: 'slow', factor: 20 } }), probe } }
    const run = await link(many(20, 200), lanes, { hedge: false }, { during })
    assert.ok(isDone(run))
    assert.ok(calls.filter(({ id }) => id === 'm0').length > 1, 'it was asked again')
    assert.equal(ofKind(run, 'attempt-ended').filter(({ outcome }) => outcome.kind === 'abandoned').length, 0)
    assert.deepEqual(run.warnings, [])
  })

  it('that refuses for good retires its endpoint and no other', async () => {
    const { calls, during, probe } = noting(({ id }) =>
      id === 'm1' ? Promise.reject(new DtltoError('DTLTO_ENDPOINT_REFUSED', 'm1 has clang 19')) : Promise.resolve(),
    )
    const run = await link(many(100), { farm: { ...machines(3), probe } }, {}, { during })
    assert.ok(isDone(run))
    assert.equal(calls.filter(({ id }) => id === 'm1').length, 1)
    assert.deepEqual(
      ofKind(run, 'endpoint-retired').map(({ endpoint }) => endpoint),
      ['m1'],
    )
    assert.equal(startsAt(run, 'm1').length, 0)
    assert.deepEqual(run.warnings, ['farm: DTLTO_ENDPOINT_REFUSED:m1'])
  })

  it('that never answers has failed after some seconds, and the endpoint is asked again', async () => {
    const { calls, during, probe } = noting(({ id }, nowMs) =>
      id === 'm0' && nowMs === 0 ? new Promise(() => undefined) : Promise.resolve(),
    )
    const run = await link(many(300), { farm: { ...machines(2), probe } }, { probeMs: 5_000 }, { during })
    assert.ok(isDone(run))
    assert.equal(calls.filter(({ id }) => id === 'm0').length, 2)
    assert.ok(startsAt(run, 'm0').length > 0)
    assert.deepEqual(run.warnings, ['farm: DTLTO_DISTRIBUTOR_UNAVAILABLE:m0'])
  })

  it('may break its contract: that is a trouble like others', async () => {
    for (const broken of [
      () => Promise.reject(new TypeError('oops')),
      () => Promise.reject(new DtltoError('DTLTO_PLUGIN_MISBEHAVED', 'it says so itself')),
      (): never => {
        throw new Error('at once')
      },
    ]) {
      const run = await link(many(5), { farm: { ...machines(1), probe: broken }, home: home() })
      assert.ok(isDone(run))
      assert.deepEqual(run.warnings, ['farm: all-down'])
      assert.equal(run.fakes['home']?.calls[0]?.atMs, 0)
    }
  })

  it('is no connection for each of thousands of endpoints at a time', async () => {
    let [running, most] = [0, 0]
    const { during, probe } = noting(async (_, __, clock) => {
      most = Math.max(most, ++running)
      await clock.sleep(10)
      running--
    })
    const run = await link(many(500), { farm: { ...machines(450), probe } }, {}, { during })
    assert.ok(isDone(run))
    assert.equal(most, 100)
    assert.ok(startsAt(run, 'm449').length > 0)
  })

  it('is aborted when the link ends', async () => {
    const signals: AbortSignal[] = []
    const probe = (endpoint: Endpoint, signal: AbortSignal): Promise<void> => {
      signals.push(signal)
      return endpoint.id === 'm0' ? Promise.resolve() : new Promise(() => undefined)
    }
    const run = await link(many(3), { farm: { ...machines(2), probe } })
    assert.ok(isDone(run))
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false, true],
    )
  })
})

describe('when every endpoint refuses', () => {
  it('this machine starts at once, goes on probing, and uses the farm when it is back', async () => {
    const { calls, during, probe } = noting(({ id }, nowMs) =>
      nowMs < 2_500 ? Promise.reject(down(id)) : Promise.resolve(),
    )
    const run = await link(many(200), { farm: { ...machines(8), probe }, home: home() }, {}, { during })
    assert.ok(isDone(run))
    assert.equal(run.fakes['home']?.calls[0]?.atMs, 0)
    assert.ok(calls.length >= 24, 'each was probed several times')
    const first = ofKind(run, 'attempt-started').find(({ distributor }) => distributor === 'farm')
    assert.ok(first && first.atMs >= 2_500 && first.atMs < 3_500)
    assert.ok(run.makespanMs < 6_000, `took ${String(run.makespanMs)} ms`)
  })

  it('nobody waits for one that another link has just found down, although its probe has not answered', async () => {
    const { during, probe } = noting((_, __, clock) => clock.sleep(700))
    const found: string[] = []
    const memory = {
      isDown: (distributor: string, endpoint: string) => `${distributor}/${endpoint}` === 'farm/m0',
      setDown: (distributor: string, endpoint: string) => void found.push(`${distributor}/${endpoint}`),
    }
    const lanes = { farm: { ...machines(1), probe }, home: home() }
    const run = await link(many(20), lanes, {}, { during, memory })
    assert.equal(run.fakes['home']?.calls[0]?.atMs, 0)
    assert.equal(startsAt(run, 'm0')[0]?.atMs, 700)
    assert.deepEqual([run.warnings, found], [[], []])

    const short = await link(many(2), lanes, {}, { during, memory })
    assert.deepEqual(
      ofKind(short, 'warning').map(({ message }) => message),
      [`distributor 'farm' has not compiled any of the 2 jobs: another link has just found it down`],
    )
  })

  it('asks and tells nobody of endpoints that are of one link alone', async () => {
    const found: string[] = []
    const memory = { isDown: () => true, setDown: (_: string, endpoint: string) => void found.push(endpoint) }
    const { during, probe } = noting(({ id }) => (id === 'm0' ? Promise.reject(down(id)) : Promise.resolve()))
    const lanes = {
      farm: { ...machines(2), probe, hasOwnEndpoints: true },
      home: { ...home(), role: 'fallback' as const },
    }
    const run = await link(many(4), lanes, {}, { during, memory })
    assert.equal(run.fakes['home']?.calls.length, 0)
    assert.equal(startsAt(run, 'm1').length, 4)
    assert.deepEqual(found, [])
  })

  it('remembers an endpoint that has never worked, and not one that has', async () => {
    const found: string[] = []
    const memory = { isDown: () => false, setDown: (_: string, endpoint: string) => void found.push(endpoint) }
    const { during, probe } = noting(({ id }, nowMs) =>
      id === 'm0' || nowMs > 0 ? Promise.reject(down(id)) : Promise.resolve(),
    )
    const lanes = { farm: { ...machines(2), outages: [{ fromMs: 550, toMs: 1e9 }], probe }, home: home() }
    const run = await link(many(40), lanes, {}, { during, memory })
    assert.ok(isDone(run))
    assert.ok(ofKind(run, 'endpoint-rested').some(({ endpoint }) => endpoint === 'm1'))
    assert.deepEqual([...new Set(found)], ['m0'])
  })
})
