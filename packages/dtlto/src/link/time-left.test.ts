import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TimeLeft } from './time-left.js'

test('the time left counts down between the ends of jobs, and is not told when it is over and jobs are not', () => {
  const left = new TimeLeft([1, 1, 1, 1])
  left.begin(0)
  assert.equal(left.at(500), undefined)
  left.jobEnded(0, 1_000)
  assert.equal(left.at(1_000), 3_000)
  assert.equal(left.at(2_500), 1_500)
  assert.equal(left.at(4_001), undefined)
})

test('an end that is a little later is not believed, one that is much later is, and any when machines went', () => {
  const after = (secondMs: number, went: boolean): number | undefined => {
    const left = new TimeLeft([1, 1, 1, 1])
    left.begin(0)
    left.jobEnded(0, 10_000)
    if (went) left.machinesChanged()
    left.jobEnded(1, secondMs)
    return left.at(secondMs)
  }
  assert.equal(after(21_000, false), 19_000)
  assert.equal(after(21_000, true), 21_000)
  assert.equal(after(40_000, false), 40_000)
})

test('the time left never counts up by the noise of the ends of jobs', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 30, maxLength: 30 }), (noise) => {
      const left = new TimeLeft(noise.map(() => 1))
      left.begin(0)
      let lastMs = Infinity
      for (const [job, factor] of noise.entries()) {
        const atMs = (job + factor) * 1_000
        left.jobEnded(job, atMs)
        const nowMs = left.at(atMs)
        if (nowMs === undefined) continue
        assert.ok(nowMs <= lastMs)
        lastMs = nowMs
      }
    }),
  )
})
