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

test('a digest of many megabytes is the same when it is computed step by step, and lets others run meanwhile', async () => {
  const bytes = Buffer.alloc(5 * 1024 ** 2 + 3, 'profile')
  let others = 0
  const other = setInterval(() => others++)
  const content = new JobContent(() => [bytes.subarray(0, 7), bytes.subarray(7)])
  await content.computeDigest()
  clearInterval(other)
  assert.equal(content.digest(), createHash('sha256').update(bytes).digest('hex'))
  assert.ok(others > 0)
})
