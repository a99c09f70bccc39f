import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { JobContent } from './job-content.js'

test('contents are fetched once, when somebody asks, under however many names', () => {
  let fetched = 0
  const content = new JobContent(() => {
    fetched++
    return [Buffer.from('head'), Buffer.from('tail')]
  })
  assert.equal(fetched, 0)
  const [first, second] = [content.named('m0'), content.named('m1')]
  assert.deepEqual([first.name, second.name, first.sizeBytes], ['m0', 'm1', 8])
  assert.equal(first.digest(), createHash('sha256').update('headtail').digest('hex'))
  assert.equal(second.digest(), first.digest())
  assert.equal(Buffer.from(second.bytes()).toString(), 'headtail')
  assert.ok(first.parts() === second.parts())
  assert.equal(fetched, 1)
})

test('contents in one piece are not copied', () => {
  const piece = Buffer.from('all')
  assert.ok(new JobContent(() => [piece]).bytes() === piece)
})
