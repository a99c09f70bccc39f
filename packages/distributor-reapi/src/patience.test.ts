import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Patience } from './patience.js'

test('two look-ups in a row that take too long are enough', () => {
  const patience = new Patience(() => 0)
  patience.began()
  assert.equal(patience.late(), false)
  patience.ended(10, false)
  assert.equal(patience.late(), false)
  assert.equal(patience.late(), true)
})

test('a cache that is slow and gives nothing is asked for some seconds, one that is quick or useful for ever', () => {
  let nowMs = 0
  const rounds = (patience: Patience, tookMs: number, hits: (round: number) => boolean): string | undefined => {
    for (let round = 0; round < 1000; round++) {
      patience.began()
      nowMs += tookMs
      const why = patience.ended(tookMs, hits(round))
      if (why !== undefined) return `${round}: ${why}`
    }
    return undefined
  }
  const patience = (): Patience => new Patience(() => nowMs)
  const nothing = 'answers slowly, and has had nothing of what it was asked for in 4 s'
  assert.equal(
    rounds(patience(), 1000, () => false),
    `3: ${nothing}`,
  )
  assert.equal(
    rounds(patience(), 1000, (round) => round < 10),
    `13: ${nothing}`,
  )
  assert.equal(
    rounds(patience(), 400, () => false),
    undefined,
  )
  assert.equal(
    rounds(patience(), 1500, (round) => round % 2 === 0),
    undefined,
  )
})
