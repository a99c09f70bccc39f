/** Jobs that show whether rested endpoints work again, where a distributor has no probe of its own. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { VirtualClock } from '../../../testkit/src/index.js'
import type { Endpoint } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
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

/** Machines of which some are switched off at some time: what comes later fails at once. */
async function farmOf(
  count: number,
  ms: readonly number[],
  isOff: (endpoint: Endpoint, nowMs: number) => boolean,
): Promise<TestRun> {
  let clock: VirtualClock | undefined
  // Of different speeds: their jobs end at different times.
  const farm = machines(count)
  const workers = (farm.workers ?? []).map((worker, i) => ({ ...worker, speed: 1 + i / count }))
  const home = { ...slots(1), isLocal: true, role: 'fallback' } as const
  return link(
    costs(...ms),
    { farm: { ...farm, workers }, home },
    { scoutShare: 0 },
    {
      during: (its) => {
        clock = its
      },
      wrap: (fake) => {
        const compile = fake.compile.bind(fake)
        return (job, endpoint, attempt) =>
          isOff(endpoint, clock?.now() ?? 0)
            ? new Promise((_, reject) => {
                const error = new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', `'${endpoint.id}' is off`)
                clock?.setTimer(clock.now() + 2, () => reject(error))
              })
            : compile(job, endpoint, attempt)
      },
    },
  )
}

describe('a job that is sent to rested endpoints', () => {
  /** One after the other, so that they have rested one after the other, too, and the shortest job is there again for the next. */
  const isOff = ({ id }: Endpoint, nowMs: number): boolean => {
    const number = Number(id.slice(1))
    return number >= 20 && nowMs >= 10 * number
  }
  const ms = Array.from({ length: 1_000 }, (_, i) => 100 + ((i * 37) % 101))

  it('is sent to no more of them than a job has attempts where this machine could compile it', async () => {
    const run = await farmOf(40, ms, isOff)
    assert.ok(isDone(run))
    const probes = ofKind(run, 'attempt-started').filter(({ reason }) => reason === 'probe')
    assert.ok(probes.length > 20)
    for (const { job } of probes) assert.ok(probes.filter((other) => other.job === job).length <= 4)
  })

  it('is not the last of the link, while an endpoint that works is free', async () => {
    // m1 never works. Another machine loses the long job, when nothing else waits and m1 has rested.
    const script: TestLane['script'] = ({ call, job }) =>
      job.index === 0 && call < 3 ? { kind: 'trouble', afterMs: 5_000 } : undefined
    const jobs = costs(6_000, ...Array.from({ length: 8 }, () => 20))
    const farm = { ...machines(3, { 1: { kind: 'trouble', afterMs: 1 } }), script }
    const run = await link(jobs, { farm }, { hedge: false, scoutShare: 0 })
    assert.ok(isDone(run))
    assert.ok(startsAt(run, 'm1').length >= 3, 'enough for a rest')
    const [retry] = ofKind(run, 'attempt-started').filter(({ job, reason }) => job === 0 && reason !== 'first')
    assert.equal(retry?.reason, 'retry')
    assert.notEqual(retry.endpoint, 'm1')
  })
})
