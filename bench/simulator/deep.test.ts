/** The rules by which very large links are simulated, and what must hold of a smaller one. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../packages/testkit/src/index.js'
import { capacityOf, type LargeFarm, machinesOf } from './large-farm.js'
import { boundOf, simulateLarge } from './large-link.js'
import { type Link, syntheticLink } from './links.js'
import { Uplink } from './uplink.js'

const FARM: LargeFarm = { machines: 500, slotsOfAMachine: 2, latencyMs: { least: 1, most: 40 } }
const AILING: LargeFarm = {
  ...FARM,
  ailing: { fails: 0.02, hangs: 0.02, slow: 0.02, dies: 0.02 },
  lostShare: 0.01,
}
const GBIT = 125_000

describe('the one wire', () => {
  it('takes what is sent one after the other, and no time for what was cancelled before its turn', async () => {
    const clock = new VirtualClock()
    const wire = new Uplink(clock, 10)
    const arrived: [string, number][] = []
    const send = (name: string, bytes: number): (() => void) =>
      wire.send(bytes, () => void arrived.push([name, clock.now()]))
    send('a', 1_000)
    const cancelB = send('b', 500)
    send('c', 200)
    const cancelD = send('d', 100)
    cancelB()
    await clock.run(clock.sleep(125))
    // It is under way: its bytes are sent to their end.
    cancelD()
    send('e', 50)
    await clock.run(clock.sleep(1_000))
    assert.deepEqual(arrived, [
      ['a', 100],
      ['c', 120],
      ['e', 135],
    ])
    assert.equal(wire.sentBytes, 1_350)
  })
})

describe('the lower bound', () => {
  const link: Link = {
    name: 'three jobs',
    jobs: [10, 20, 60].map((ms, i) => ({ module: `m${String(i)}.o`, cost: ms, bytes: ms * 1_000, measuredMs: ms })),
  }

  it('is the longest job, the work of all slots, or the bytes on the wire, whichever is most', () => {
    assert.deepEqual(boundOf(link, 10, 10_000), { boundBy: 'longest job', boundMs: 60 })
    assert.deepEqual(boundOf(link, 1, 10_000), { boundBy: 'work ÷ slots', boundMs: 90 })
    assert.deepEqual(boundOf(link, 10, 100), { boundBy: 'uplink', boundMs: 900 })
  })

  it('counts machines for what they do', () => {
    const machines = machinesOf({ ...FARM, machines: 4 }).map((machine, i) => ({
      ...machine,
      ailment: (['fails', 'hangs', 'slow', undefined] as const)[i],
    }))
    assert.equal(capacityOf(machines), 2 * (0 + 0 + 0.1 + 1))
  })
})

describe('a link of 5,000 jobs over 500 machines', () => {
  const link = syntheticLink(5_000)
  for (const [what, farm] of Object.entries({ good: FARM, ailing: AILING })) {
    for (const gbit of [Infinity, 1]) {
      it(`is within 1.10 of the lower bound, the machines ${what}, the uplink ${String(gbit)} Gbit/s`, async () => {
        const { makespanMs, boundMs, unfinished } = await simulateLarge(link, farm, gbit * GBIT)
        assert.equal(unfinished, 0)
        assert.ok(makespanMs <= 1.1 * boundMs, `took ${String(makespanMs)} ms instead of ${String(boundMs)} ms`)
      })
    }
  }
})
