import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Turns } from './turns.js'

const JOBS = 50

/** Which turn of the event loop each of many jobs is done in, that come at once and take `ms` each. */
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
    Array.from({ length: JOBS }, () =>
      turns.run(async () => {
        await Promise.resolve()
        nowMs += ms
        return turn
      }),
    ),
  )
  isOver = true
  return done
}

describe('work that comes at once', () => {
  test('is done in slices of 8 ms, between which others have their turn', async () => {
    const done = await turnsOf(1)
    const counts = new Map<number, number>()
    for (const turn of done) counts.set(turn, (counts.get(turn) ?? 0) + 1)
    assert.ok(
      [...counts.values()].every((count) => count <= 8),
      JSON.stringify([...counts]),
    )
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
      'in the order in which it came',
    )
  })

  test('is done at once where it takes little', async () => {
    assert.deepEqual([...new Set(await turnsOf(0.1))], [0])
  })

  test('goes on where a piece fails', async () => {
    const turns = new Turns()
    const failed = turns.run(() => Promise.reject(new Error('no')))
    const next = turns.run(() => Promise.resolve('yes'))
    await assert.rejects(failed, /no/)
    assert.equal(await next, 'yes')
  })
})
