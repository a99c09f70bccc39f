import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BackendJob } from 'dtlto/plugin'
import { LookAhead } from './look-ahead.js'

/** All of them wait. */
const EVERY = { isWaiting: () => true }
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
    ahead.begin([longest, long, middle, short], EVERY)
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
    ahead.begin([a, b, c, d], EVERY)
    ahead.asked(a)()
    assert.deepEqual(made, [3])
    const bSent = ahead.asked(b)
    await end(3)
    assert.deepEqual(made, [3], 'b is on its way')
    bSent()
    assert.deepEqual(made, [3, 2])

    const other = lookAhead()
    other.ahead.begin([a, b, c, d], EVERY)
    other.ahead.asked(a)()
    other.ahead.end()
    await other.end(3)
    other.ahead.asked(b)()
    assert.deepEqual(other.made, [3])
  })

  it('keeps few jobs that nobody has asked for', async () => {
    const { ahead, made, end } = lookAhead()
    const all = jobs(...Array.from({ length: 100 }, (_, i) => 100 - i))
    ahead.begin(all, EVERY)
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
    ahead.begin(many, EVERY)
    ahead.asked(many[0] as BackendJob)()
    await setImmediate()
    assert.deepEqual(made, [8, 7])
  })

  it('makes several together, when there is room for all of them, and at the end those that are left', async () => {
    const { ahead, made, end } = lookAhead(8)
    const all = jobs(...Array.from({ length: 43 }, (_, i) => 43 - i))
    ahead.begin(all, EVERY)
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

  it('leaves out jobs that somebody else compiles, and forgets those that were made before', async () => {
    const made: number[] = []
    const forgotten: number[] = []
    const ahead = new LookAhead({
      together: 8,
      make: (next) => Promise.resolve(made.push(...next.map(({ cost }) => cost))),
      forget: ({ cost }) => forgotten.push(cost),
    })
    const all = jobs(...Array.from({ length: 100 }, (_, i) => 100 - i))
    const taken = new Set<BackendJob>(all.slice(1, 11))
    ahead.begin(all, { isWaiting: (job) => !taken.has(job) })
    const ask = async (job: BackendJob | undefined): Promise<void> => {
      if (job !== undefined) ahead.asked(job)()
      for (let i = 0; i < 8; i++) await setImmediate()
    }
    await ask(all[0])
    assert.deepEqual([made.length, made[0], made.at(-1)], [32, 89, 58])
    for (const job of all.slice(11, 31)) taken.add(job)
    await ask(all[99])
    assert.deepEqual(forgotten, made.slice(0, 20))
    assert.deepEqual([made.length, made[32]], [48, 57], 'in place of them the next ones, several together')
    await ask(all[43])
    assert.equal(forgotten.length, 20, 'what is asked for is not forgotten')
    assert.ok(!made.includes(100 - 5) && !made.includes(1))
  })

  it('makes as many together as there may be, if that is less', async () => {
    const made: number[] = []
    const make = (next: readonly BackendJob[]): Promise<number> => Promise.resolve(made.push(next.length))
    const ahead = new LookAhead({ make, together: 64, most: 3 })
    const all = jobs(9, 8, 7, 6, 5)
    ahead.begin(all, EVERY)
    ahead.asked(all[0] as BackendJob)()
    await setImmediate()
    assert.deepEqual(made, [3])
  })

  it('knows when all jobs were asked for, and sent', () => {
    const { ahead } = lookAhead()
    const [a, b] = jobs(2, 1) as [BackendJob, BackendJob]
    ahead.begin([a, b], EVERY)
    const aSent = ahead.asked(a)
    ahead.asked(b)()
    assert.equal(ahead.allAsked, false)
    aSent()
    assert.equal(ahead.allAsked, true)
  })
})
