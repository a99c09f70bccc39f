import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InFlight } from './in-flight.js'

const fill = (inFlight: InFlight): void => {
  for (let i = 0; i < inFlight.most; i++) inFlight.began()
}

test('the number of jobs grows while they do not wait, and only while there are so many', () => {
  let changes = 0
  const inFlight = new InFlight(0, () => changes++)
  const before = inFlight.most
  inFlight.began()
  inFlight.executed(10, 500)
  assert.equal(inFlight.most, before, 'one job shows nothing')
  fill(inFlight)
  for (let i = 0; i < before; i++) inFlight.executed(10, 500)
  assert.ok(inFlight.most > before)
  assert.ok(changes > 0)
})

test('it grows as soon as jobs leave the queue, up to a limit before the first has been executed', () => {
  const inFlight = new InFlight(0, () => undefined)
  const before = inFlight.most
  fill(inFlight)
  for (let i = 0; i < before; i++) inFlight.begun(5_000)
  assert.equal(inFlight.most, before, 'they had waited')
  for (let i = 0; i < before; i++) {
    inFlight.begun(10)
    inFlight.began()
  }
  assert.equal(inFlight.most, 2 * before)
  for (let round = 0; round < 20; round++) {
    fill(inFlight)
    for (let i = 0; i < 100; i++) inFlight.begun(10)
  }
  const unseen = inFlight.most
  assert.equal(unseen, 256)
  inFlight.executed(10, 500)
  inFlight.begun(10)
  assert.ok(inFlight.most >= unseen + 2)
})

test('and while look-ups are answered', () => {
  const inFlight = new InFlight(0, () => undefined)
  const before = inFlight.most
  fill(inFlight)
  for (let i = 0; i < before; i++) inFlight.lookedUp()
  assert.ok(inFlight.most > before)
})

test('it shrinks while jobs wait longer than they run, and at once when the engine refuses', () => {
  const inFlight = new InFlight(0, () => undefined)
  fill(inFlight)
  const before = inFlight.most
  inFlight.executed(5000, 500)
  assert.equal(inFlight.most, before - 1)
  inFlight.refused()
  assert.equal(inFlight.most, Math.floor((before - 1) / 2))
  for (let i = 0; i < 9; i++) inFlight.refused()
  assert.equal(inFlight.most, 2)
})

test("the user's number stays", () => {
  const inFlight = new InFlight(7, () => assert.fail('nothing changes'))
  fill(inFlight)
  inFlight.executed(0, 500)
  inFlight.executed(9000, 500)
  inFlight.refused()
  assert.equal(inFlight.most, 7)
})
