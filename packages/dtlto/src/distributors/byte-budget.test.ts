import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ByteBudget } from './byte-budget.js'

/** The names of those who have their bytes, in the order in which they got them. */
function takers(budget: ByteBudget): {
  take: (name: string, bytes: number) => Promise<() => void>
  readonly got: string[]
} {
  const got: string[] = []
  const take = async (name: string, bytes: number): Promise<() => void> => {
    const release = await budget.acquire(bytes)
    got.push(name)
    return release
  }
  return { take, got }
}

describe('a budget of bytes', () => {
  it('is never exceeded, and serves who came first', async () => {
    const { take, got } = takers(new ByteBudget(10))
    const a = await take('a', 6)
    const waiting = [take('b', 5), take('c', 1)]
    await nextTurn()
    assert.deepEqual(got, ['a'])
    a()
    await Promise.all(waiting)
    assert.deepEqual(got, ['a', 'b', 'c'])
  })

  it('gives what is more than all of it to one that is alone', async () => {
    const { take, got } = takers(new ByteBudget(10))
    const a = await take('a', 1)
    const b = take('b', 1000)
    await nextTurn()
    assert.deepEqual(got, ['a'])
    a()
    const release = await b
    const c = take('c', 1)
    await nextTurn()
    assert.deepEqual(got, ['a', 'b'])
    release()
    await c
  })

  it('is shared with those that have the same parent', async () => {
    const parent = new ByteBudget(10)
    const [one, two] = [takers(new ByteBudget(8, parent)), takers(new ByteBudget(8, parent))]
    const a = await one.take('a', 8)
    const b = two.take('b', 8)
    await nextTurn()
    assert.deepEqual(two.got, [])
    a()
    ;(await b)()
  })

  it('is not waited for by who is aborted, and goes to the next', async () => {
    const budget = new ByteBudget(10)
    const a = await budget.acquire(10)
    const controller = new AbortController()
    const [b, c] = [budget.acquire(10, controller.signal), budget.acquire(1)]
    controller.abort()
    await assert.rejects(b, { code: 'DTLTO_CANCELLED' })
    a()
    ;(await c)()
    ;(await budget.acquire(10, new AbortController().signal))()
  })

  it('writes off what does not come back, if it may', async () => {
    const { take, got } = takers(new ByteBudget(10, undefined, 1))
    const lost = await take('lost', 10)
    const b = await take('b', 10)
    lost()
    const c = take('c', 1)
    await nextTurn()
    assert.deepEqual(got, ['lost', 'b'], 'what comes back late is not given twice')
    b()
    await c
  })
})
