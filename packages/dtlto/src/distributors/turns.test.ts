import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Turns } from './turns.js'

const JOBS = 50

/** Which turn of the event loop each of many jobs is done in, that come at once and take `ms` each, a third of it after other promises. */
async function turnsOf(ms: number): Promise<readonly number[]> {
  let [nowMs, turn] = [0, 0]
  const turns = new Turns(() => nowMs)
  let isOver = false
  const count = (): void => {
    turn++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const done = await Promise.all(
    Array.from({ length: JOBS }, async () => {
      await turns.take()
      nowMs += (2 * ms) / 3
      await Promise.resolve()
      await Promise.resolve()
      nowMs += ms / 3
      return turn
    }),
  )
  isOver = true
  return done
}

describe('work that comes at once', () => {
  test('is done in slices of 5 ms, between which others have their turn', async () => {
    const done = await turnsOf(1)
    const counts = new Map<number, number>()
    for (const turn of done) counts.set(turn, (counts.get(turn) ?? 0) + 1)
    assert.ok(
      [...counts.values()].every((count) => count <= 5),
      JSON.stringify([...counts]),
    )
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
      'in the order in which it came',
    )
  })

  test('is done at once where it takes little', async () => {
    assert.equal(new Set(await turnsOf(0.1)).size, 1)
  })

  test('is done for the costliest job first, and before all jobs what is for none', async () => {
    const turns = new Turns()
    const order: string[] = []
    const take = (name: string, cost?: number): Promise<number> => turns.take(cost).then(() => order.push(name))
    await Promise.all([take('cheap', 1), take('dear', 9), take('none'), take('as cheap', 1), take('middle', 5)])
    assert.deepEqual(order, ['none', 'dear', 'middle', 'cheap', 'as cheap'])
  })
})
