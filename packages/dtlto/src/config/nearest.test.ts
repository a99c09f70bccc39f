import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, nearest } from './nearest.js'

test('the nearest word is the one with the fewest typing errors, if they are few', () => {
  const words = ['distribute', 'trace', 'verify', 'summary']
  assert.equal(nearest('distribut', words), 'distribute')
  assert.equal(nearest('tarce', words), 'trace')
  assert.equal(nearest('VERIFY', words), 'verify')
  assert.equal(nearest('sumary', words), 'summary')
  assert.equal(nearest('elephant', words), undefined)
  assert.equal(nearest('x', words), undefined)
  assert.equal(nearest('', words), undefined)
  assert.equal(didYouMean('tracee', words), `; did you mean 'trace'?`)
  assert.equal(didYouMean('other', words), '')
  assert.equal(nearest('distributed-elephants', ['distribute-report', 'distribute-stats']), undefined)
  assert.equal(nearest('distribute-reprot', ['distribute-report', 'distribute-stats']), 'distribute-report')
})
