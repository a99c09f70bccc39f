import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BackendJob } from 'dtlto/plugin'
import { LookAhead } from './look-ahead.js'

const jobs = (...costs: number[]): BackendJob[] => costs.map((cost) => ({ cost }) as BackendJob)
const never = (): Promise<never> => new Promise(() => undefined)

/** A look-ahead, the costs of the jobs that it began to make, and what ends the making of each. */
function lookAhead(): { ahead: LookAhead; made: number[]; end: (cost: number) => Promise<void> } {
  const made: number[] = []
  const ends = new Map<number, () => void>()
  const ahead = new LookAhead(({ cost }) => {
    made.push(cost)
    return new Promise((_, reject) => ends.set(cost, () => reject(new Error('as it may'))))
  })
  const end = async (cost: number): Promise<void> => {
    ends.get(cost)?.()
    await setImmediate()
  }
  return { ahead, made, end }
}

describe('looking ahead', () => {
  it('makes the next jobs, one by one, the longest first, when what was asked for is on its way', async () => {
    const { ahead, made, end } = lookAhead()
    const [short, long, middle, longest] = jobs(1, 7, 5, 9) as [BackendJob, BackendJob, BackendJob, BackendJob]
    ahead.begin([short, long, middle, longest])
    let sent = (): void => undefined
    const first = ahead.during(longest, () => new Promise<void>((resolve) => (sent = resolve)))
    const second = ahead.during(short, () => Promise.resolve('sent'))
    assert.equal(await second, 'sent')
    assert.deepEqual(made, [], 'one is not on its way yet')
    sent()
    await first
    assert.deepEqual(made, [7])
    await end(7)
    assert.deepEqual(made, [7, 5])
    await end(5)
    assert.deepEqual(made, [7, 5], 'those that were asked for are not made again')
  })

  it('goes on when a job is asked for, however that ends, and not after its end', async () => {
    const { ahead, made, end } = lookAhead()
    const [a, b, c, d] = jobs(4, 3, 2, 1) as [BackendJob, BackendJob, BackendJob, BackendJob]
    ahead.begin([a, b, c, d])
    await assert.rejects(
      ahead.during(a, () => Promise.reject(new Error('no'))),
      /no/,
    )
    assert.deepEqual(made, [3])
    void ahead.during(b, never)
    await end(3)
    assert.deepEqual(made, [3], 'b is on its way')

    const other = lookAhead()
    other.ahead.begin([a, b, c, d])
    await other.ahead.during(a, () => Promise.resolve())
    other.ahead.end()
    await other.end(3)
    await other.ahead.during(b, () => Promise.resolve())
    assert.deepEqual(other.made, [3])
  })

  it('keeps few jobs that nobody has asked for', async () => {
    const { ahead, made, end } = lookAhead()
    const all = jobs(...Array.from({ length: 100 }, (_, i) => 100 - i))
    ahead.begin(all)
    const next = async (job: BackendJob | undefined): Promise<void> => {
      if (job !== undefined) await ahead.during(job, () => Promise.resolve())
    }
    await next(all[0])
    for (let cost = 99; made.includes(cost); cost--) await end(cost)
    assert.equal(made.length, 32)
    await next(all[1])
    assert.equal(made.length, 33)
  })
})
