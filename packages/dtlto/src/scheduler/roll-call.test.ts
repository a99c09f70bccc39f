/** Endpoints whose first probe fails: one line for a farm that is down, one for each server of a farm that is not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DtltoError } from '../errors.js'
import { costs, isDone, link, machines, ofKind, slots, type TestLane, type TestRun } from './test-link.fixture.js'

const JOBS = costs(...Array.from({ length: 12 }, () => 1_000))
const local: TestLane = { ...slots(1), isLocal: true, role: 'fallback' }
const messages = (run: TestRun): string[] => ofKind(run, 'warning').map(({ message }) => message)

/** Machines of which those in `down` refuse their probe, each in words of its own. */
function farm(count: number, down: readonly number[], silent: readonly number[] = []): TestLane {
  return {
    ...machines(count),
    probe: ({ id }) => {
      const number = Number(id.slice(1))
      if (silent.includes(number)) return new Promise(() => undefined)
      if (!down.includes(number)) return Promise.resolve()
      return Promise.reject(new DtltoError('DTLTO_ENDPOINT_REFUSED', `'${id}': connection refused`))
    },
  }
}

describe('what is told of a farm', () => {
  it('is one line when no server of it is up, with what the first of them says', async () => {
    const run = await link(JOBS, { farm: farm(3, [0, 1, 2]), local })
    assert.deepEqual(messages(run), ["0 of 3 servers up: 'm0': connection refused; 'dtlto doctor' looks at each"])
    assert.ok(isDone(run))
  })

  it('is one line also of a farm of one server', async () => {
    const run = await link(JOBS, { farm: farm(1, [0]), local })
    assert.deepEqual(messages(run), ["0 of 1 servers up: 'm0': connection refused"])
  })

  it('is a line for each server that is down when others are up', async () => {
    const run = await link(JOBS, { farm: farm(3, [0, 2]), local })
    assert.deepEqual(messages(run), ["'m0': connection refused", "'m2': connection refused"])
  })

  it('is what was found out when the link ends before a server has answered', async () => {
    const run = await link(costs(10), { farm: farm(2, [1], [0]), local: { ...local, role: 'primary' } })
    assert.deepEqual(messages(run), ["'m1': connection refused"])
  })

  it('is of that farm alone: another one has its own line', async () => {
    const run = await link(JOBS, { one: farm(2, [0, 1]), other: farm(1, [0]), local })
    assert.deepEqual(
      ofKind(run, 'warning').map(({ distributor, warning }) => [distributor, warning]),
      [
        ['one', 'all-down'],
        ['other', 'all-down'],
      ],
    )
  })
})
