import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renewing } from './renewing.js'

test('headers are asked for once, and again when a server refuses them or their time is over', async () => {
  let asked = 0
  let untilMs = Infinity
  const source = renewing(() => Promise.resolve({ headers: { n: String(asked++) }, untilMs }))
  const [first, same] = await Promise.all([source(), source()])
  assert.deepEqual([first, same, asked], [{ n: '0' }, { n: '0' }, 1])
  // Many calls are refused at once: one asks.
  const renewed = await Promise.all([source(first), source(first), source(first)])
  assert.deepEqual([renewed.map(({ n }) => n), asked], [['1', '1', '1'], 2])
  untilMs = 0
  await source(renewed[0])
  await source()
  assert.equal(asked, 4, 'what is over is asked for at each need')
})

test('what fails is asked for again by the next', async () => {
  let asked = 0
  const source = renewing(() =>
    asked++ === 0 ? Promise.reject(new Error('no')) : Promise.resolve({ headers: {}, untilMs: Infinity }),
  )
  const both = await Promise.allSettled([source(), source()])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.deepEqual(await source(), {})
})
