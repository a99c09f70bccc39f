/** What is known of many endpoints without looking at all of them is what looking at all of them would find. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fakeDistributor, VirtualClock } from '../../../testkit/src/index.js'
import { DtltoError } from '../errors.js'
import { Endpoints } from './endpoints.js'
import { Exclusion, NOTHING_EXCLUDED } from './exclusion.js'
import { Attempt } from './executor.js'
import { completePolicy } from './policy.js'
import { costs, isDone, link, machines } from './test-link.fixture.js'

/** One thing that happens to an endpoint. */
const happening = fc.record({
  endpoint: fc.nat(11),
  what: fc.constantFrom('start', 'end', 'queue', 'stall', 'rest', 'recover', 'retire', 'fewer', 'more', 'refuse'),
  ms: fc.integer({ min: 1, max: 2_000 }),
})

describe('the roster', () => {
  it('has each endpoint where it belongs, and knows what the fastest would take', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 60 }), async (happenings) => {
        const clock = new VirtualClock()
        const stated = new Map<string, object>()
        const workers = Array.from({ length: 12 }, (_, i) => ({ name: `m${String(i)}`, slots: 1 + (i % 3) }))
        const distributor = fakeDistributor({
          clock,
          workers,
          endpointPerWorker: true,
          status: (truth) => ({ ...truth, ...stated.get(truth.id) }),
        })
        const policy = completePolicy()
        const endpoints = new Endpoints({ distributors: [{ name: 'farm', distributor }], clock, policy })
        endpoints.estimates.plan(costs(100, 200, 300), undefined)
        endpoints.update()
        for (const [id, { endpoint: at, what, ms }] of happenings.entries()) {
          const endpoint = endpoints.all[at]
          assert.ok(endpoint)
          await clock.run(clock.sleep(ms))
          const nowMs = clock.now()
          const [first] = endpoint.inFlight
          switch (what) {
            case 'start':
            case 'queue':
              if (endpoint.hasFreeSlot)
                endpoint.add(
                  new Attempt(
                    {
                      id,
                      job: 0,
                      executor: endpoint,
                      reason: 'first',
                      isProbe: false,
                      units: 100,
                      bytes: 0,
                      sentMs: nowMs,
                    },
                    what === 'start',
                  ),
                )
              else if (first) endpoint.begin(first, nowMs)
              break
            case 'end':
              if (first) endpoint.release(first)
              if (first) endpoint.observe(first, ms, undefined)
              break
            case 'stall':
              endpoint.setStalled(!endpoint.stalled, nowMs)
              break
            case 'rest':
              endpoints.troubled(endpoint, new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'no'), nowMs, true)
              break
            case 'recover':
              endpoints.succeeded(endpoint, nowMs)
              break
            case 'retire':
              if (ms > 1_900) endpoints.retireEndpoint(endpoint, new DtltoError('DTLTO_ENDPOINT_REFUSED', 'no'))
              break
            case 'fewer':
            case 'more':
              stated.set(endpoint.endpointId, { slots: what === 'more' ? 4 : 0, speed: ms / 100, latencyMs: ms % 7 })
              endpoints.reread()
              break
            case 'refuse':
              stated.set(endpoint.endpointId, { accepting: false })
              endpoints.reread()
              break
          }
          endpoints.update()
          const { roster, all } = endpoints
          const sorted = (set: Iterable<{ readonly index: number }>): number[] =>
            [...set].map(({ index }) => index).sort((a, b) => a - b)
          const where = (belongs: (endpoint: (typeof all)[number]) => boolean): number[] => sorted(all.filter(belongs))
          assert.deepEqual(
            sorted(roster.available),
            where((one) => one.available),
          )
          assert.deepEqual(
            sorted(roster.free),
            where((one) => one.hasFreeSlot),
          )
          assert.deepEqual(
            sorted(roster.unseen),
            where((one) => one.wantsScout),
          )
          assert.deepEqual(
            sorted(roster.rested),
            where((one) => one.wantsProbeJob),
          )
          assert.equal(
            roster.slots,
            all.reduce((sum, one) => sum + (one.available ? one.limit : 0), 0),
          )
          for (const exclusion of [NOTHING_EXCLUDED, new Exclusion([], [at + 1, 1])]) {
            for (const units of [1, 100, 10_000]) {
              const usable = all.filter((one) => one.available && !one.stalled && !exclusion.has(one))
              const bestMs = Math.min(Infinity, ...usable.map(({ estimate }) => estimate.expectedMs(units)))
              const foundMs = roster.fastest.bestMs(units, exclusion)
              // The link's average is not followed at every step.
              assert.ok(foundMs === bestMs || Math.abs(foundMs - bestMs) < 0.05 * bestMs, `${foundMs} for ${bestMs} ms`)
            }
          }
        }
        endpoints.end()
      }),
      { numRuns: 150 },
    )
  })
})

describe('hundreds of endpoints of any speed', () => {
  it('are kept busy, and those that are too slow for what waits get what is short enough', async () => {
    const workers = Array.from({ length: 400 }, (_, i) => ({
      name: `m${String(i)}`,
      slots: 1,
      speed: i % 10 === 0 ? 0.05 : 1 + (i % 4) / 4,
    }))
    const jobs = costs(...Array.from({ length: 4_000 }, (_, i) => 200 + ((i * 7919) % 3_000)))
    const run = await link(jobs, { farm: { ...machines(0), workers } })
    assert.ok(isDone(run))
    const speed = workers.reduce((sum, worker) => sum + worker.speed, 0)
    const boundMs = jobs.reduce((sum, { cost }) => sum + cost, 0) / speed
    assert.ok(run.makespanMs < boundMs * 1.2, `took ${String(run.makespanMs)} ms instead of ${String(boundMs)} ms`)
  })
})
