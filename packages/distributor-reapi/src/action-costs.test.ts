import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ActionCosts } from './action-costs.js'

test('says nothing before it has seen some', () => {
  const costs = new ActionCosts()
  for (let i = 0; i < 5; i++) costs.add(10, 200)
  assert.equal(costs.overheadMs, 0)
  costs.add(10, 200)
  assert.ok(costs.overheadMs > 190 && costs.overheadMs <= 200, String(costs.overheadMs))
})

test('tells overhead and work apart where jobs differ', () => {
  const costs = new ActionCosts()
  for (const cost of [10, 20, 30, 5_000, 6_000, 7_000]) costs.add(cost, 100 + cost * 0.2)
  assert.ok(Math.abs(costs.overheadMs - 100) < 1, String(costs.overheadMs))
  assert.ok(Math.abs(costs.workMs(5_000) - 1_000) < 5, String(costs.workMs(5_000)))
})

test('takes jobs that are much alike and long for work, not for overhead', () => {
  const costs = new ActionCosts()
  for (const cost of [5_000, 5_100, 5_200, 5_300, 5_400, 5_500]) costs.add(cost, 520)
  assert.ok(costs.overheadMs < 30, String(costs.overheadMs))
})

test('is not led astray by one action that was late', () => {
  const costs = new ActionCosts()
  for (const ms of [100, 102, 98, 9_000, 101, 99, 100]) costs.add(10, ms)
  assert.ok(costs.overheadMs < 110, String(costs.overheadMs))
})

test('never gives less than nothing', () => {
  const costs = new ActionCosts()
  for (const cost of [1_000, 1_000, 1_000, 9_000, 9_000, 9_000]) costs.add(cost, cost === 1_000 ? 10 : 1_000)
  assert.equal(costs.overheadMs, 0)
})
