import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BackendJob } from 'dtlto/plugin'
import { LookAhead } from './look-ahead.js'

const jobs = (...costs: number[]): BackendJob[] => costs.map((cost) => ({ cost }) as BackendJob)
/** A look-ahead, the costs of the jobs that it began to make, and what ends the making that began with a job. */
function lookAhead(together?: number): { ahead: LookAhead; made: number[]; end: (cost: number) => Promise<void> } {
  const made: number[] = []
  const ends = new Map<number, () => void>()
  const make = (jobs: readonly BackendJob[]): Promise<never> => {
    made.push(...jobs.map(({ cost }) => cost))
    return new Promise((_, reject) => ends.set(jobs[0]?.cost ?? 0, () => reject(new Error('as it may'))))
  }
  const ahead = new LookAhead({ make, ...(together !== undefined && { together }) })
  const end = async (cost: number): Promise<void> => {
    ends.get(cost)?.()
    await setImmediate()
  }
  return { ahead, made, end }
}

describe('looking ahead', () => {
  it('makes the next jobs, one by one, the longest first, when what was asked for was sent', async () => {
    const { ahead, made, end } = lookAhead()
    const [short, long, middle, longest] = jobs(1, 7, 5, 9) as [BackendJob, BackendJob, BackendJob, BackendJob]
    ahead.begin([short, long, middle, longest])
    const longestSent = ahead.asked(longest)
    const shortSent = ahead.asked(short)
    shortSent()
    shortSent()
    assert.deepEqual(made, [], 'one is on its way yet')
    longestSent()
    assert.deepEqual(made, [7])
    await end(7)
    assert.deepEqual(made, [7, 5])
    await end(5)
    assert.deepEqual(made, [7, 5], 'those that were asked for are not made again')
  })

  it('makes nothing while a job is on its way, nor after its end', async () => {
    const [a, b, c, d] = jobs(4, 3, 2, 1) as [BackendJob, BackendJob, BackendJob, BackendJob]
    const { ahead, made, end } = lookAhead()
    ahead.begin([a, b, c, d])
    ahead.asked(a)()
    assert.deepEqual(made, [3])
    const bSent = ahead.asked(b)
    await end(3)
    assert.deepEqual(made, [3], 'b is on its way')
    bSent()
    assert.deepEqual(made, [3, 2])

    const other = lookAhead()
    other.ahead.begin([a, b, c, d])
    other.ahead.asked(a)()
    other.ahead.end()
    await other.end(3)
    other.ahead.asked(b)()
    assert.deepEqual(other.made, [3])
  })

  it('keeps few jobs that nobody has asked for', async () => {
    const { ahead, made, end } = lookAhead()
    const all = jobs(...Array.from({ length: 100 }, (_, i) => 100 - i))
    ahead.begin(all)
    ahead.asked(all[0] as BackendJob)()
    for (let cost = 99; made.includes(cost); cost--) await end(cost)
    assert.equal(made.length, 32)
    ahead.asked(all[1] as BackendJob)()
    assert.equal(made.length, 33)
  })

  it('keeps as many as it is told to', async () => {
    const many = jobs(9, 8, 7, 6)
    const made: number[] = []
    const make = (next: readonly BackendJob[]): Promise<void> => {
      made.push(...next.map(({ cost }) => cost))
      return Promise.resolve()
    }
    const ahead = new LookAhead({ make, most: 2 })
    ahead.begin(many)
    ahead.asked(many[0] as BackendJob)()
    await setImmediate()
    assert.deepEqual(made, [8, 7])
  })

  it('makes several together, when there is room for all of them, and at the end those that are left', async () => {
    const { ahead, made, end } = lookAhead(8)
    const all = jobs(...Array.from({ length: 43 }, (_, i) => 43 - i))
    ahead.begin(all)
    const next = (job: BackendJob | undefined): void => job && ahead.asked(job)()
    next(all[0])
    assert.deepEqual(made, [42, 41, 40, 39, 38, 37, 36, 35])
    for (const cost of [42, 34, 26, 18]) await end(cost)
    assert.equal(made.length, 32)
    for (const job of all.slice(1, 8)) next(job)
    assert.equal(made.length, 32)
    next(all[8])
    assert.equal(made.length, 40)
    for (const job of all.slice(9, 17)) next(job)
    await end(10)
    assert.deepEqual(made.slice(40), [2, 1])
  })

  it('goes on where another distributor takes the jobs that were made, which it forgets', async () => {
    const made: number[] = []
    const forgotten: number[] = []
    const ahead = new LookAhead({
      together: 8,
      make: (next) => Promise.resolve(made.push(...next.map(({ cost }) => cost))),
      forget: ({ cost }) => forgotten.push(cost),
    })
    const all = jobs(...Array.from({ length: 100 }, (_, i) => 100 - i))
    ahead.begin(all)
    const ask = async (job: BackendJob | undefined): Promise<void> => {
      if (job !== undefined) ahead.asked(job)()
      for (let i = 0; i < 8; i++) await setImmediate()
    }
    await ask(all[0])
    assert.equal(made.length, 32)
    for (const job of all.slice(60, 63)) await ask(job)
    assert.deepEqual([made.length, forgotten.length], [32, 0])
    await ask(all[63])
    assert.equal(forgotten.length, 32)
    assert.deepEqual(made.slice(32, 34), [67, 66])
    assert.equal(made.length, 64)
    assert.ok(!made.includes(100 - 60), 'those that were asked for are not made')
  })
})
