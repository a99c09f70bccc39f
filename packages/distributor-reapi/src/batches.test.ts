import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { Batches } from './batches.js'

/** A server that answers when it is told to. */
function slow() {
  const sent: (readonly number[])[] = []
  const answers: (() => void)[] = []
  const send = (items: readonly number[]): Promise<number[]> => {
    sent.push(items)
    return new Promise((resolve) => answers.push(() => resolve(items.map((item) => item * 10))))
  }
  return { sent, answers, send }
}

test('what is asked for in one turn goes together, and each caller gets its own answer', async () => {
  const { sent, answers, send } = slow()
  const batches = new Batches({ atOnce: 1, items: 100, weight: 100 }, send)
  const all = [1, 2, 3].map((item) => batches.add(item))
  await turn()
  assert.deepEqual(sent, [[1, 2, 3]])
  answers[0]?.()
  assert.deepEqual(await Promise.all(all), [10, 20, 30])
})

test('what is asked for while all requests are under way goes together afterwards', async () => {
  const { sent, answers, send } = slow()
  const batches = new Batches({ atOnce: 1, items: 100, weight: 100 }, send)
  const first = batches.add(1)
  await turn()
  const others = [batches.add(2), batches.add(3)]
  await turn()
  assert.deepEqual(sent, [[1]])
  answers[0]?.()
  await first
  await turn()
  assert.deepEqual(sent, [[1], [2, 3]])
  answers[1]?.()
  assert.deepEqual(await Promise.all(others), [20, 30])
})

test('a batch keeps to the limits, but has at least one', async () => {
  const { sent, send } = slow()
  const batches = new Batches({ atOnce: 9, items: 2, weight: 10 }, send)
  for (const [item, weight] of [
    [1, 4],
    [2, 6],
    [3, 1],
    [4, 50],
    [5, 1],
    [6, 1],
    [7, 1],
  ] as const)
    void batches.add(item, weight)
  await turn()
  assert.deepEqual(sent, [[1, 2], [3], [4], [5, 6], [7]])
})

test('a request that fails is the failure of those in it, and of no others', async () => {
  let sends = 0
  const batches = new Batches({ atOnce: 1, items: 2, weight: 100 }, (items: readonly number[]) =>
    sends++ === 0 ? Promise.reject(new Error('no')) : Promise.resolve(items),
  )
  const settled = await Promise.allSettled([1, 2, 3].map((item) => batches.add(item)))
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  )
})

test('what a costlier job needs goes first, equals in the order in which they came', async () => {
  const { sent, send } = slow()
  const batches = new Batches({ atOnce: 9, items: 2, weight: 10 }, send)
  for (const [item, cost] of [
    [1, 4],
    [2, 9],
    [3, undefined],
    [4, 9],
    [5, 4],
  ] as const)
    void batches.add(item, 1, cost)
  await turn()
  assert.deepEqual(sent, [[3, 2], [4, 1], [5]])
})

test('what somebody else needs sooner goes forward', async () => {
  const { sent, send } = slow()
  const batches = new Batches({ atOnce: 9, items: 2, weight: 10 }, send)
  for (const item of [1, 2, 3, 4]) void batches.add(item, 1, 10 - item)
  batches.raise(4, 20)
  batches.raise(2, 1)
  batches.raise(9, 99)
  await turn()
  assert.deepEqual(sent, [
    [4, 1],
    [2, 3],
  ])
})
