import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { LinkContent } from './job-content.js'

test('contents are fetched once, when somebody asks', async () => {
  let fetched = 0
  const content = new LinkContent('m0', () => {
    fetched++
    return [Buffer.from('head'), Buffer.from('tail')]
  })
  assert.equal(fetched, 0)
  assert.deepEqual([content.id, content.sizeBytes], ['m0', 8])
  assert.equal(await content.digest(), createHash('sha256').update('headtail').digest('hex'))
  assert.equal(Buffer.from(content.bytes()).toString(), 'headtail')
  assert.ok(content.lease().parts === content.lease().parts, 'leased bytes are copied')
  assert.equal(fetched, 1)
})

test('a digest is computed once, and a large one elsewhere than on this thread', async () => {
  const parts = [Buffer.alloc(3 << 20, 1), Buffer.alloc(5 << 20, 2)]
  const content = new LinkContent('m0', () => parts)
  const digest = content.digest()
  assert.ok(digest === content.digest())
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  assert.equal(await digest, hash.digest('hex'))
})

test('digests of many small ones leave the thread to others now and then', async () => {
  const parts = Array.from({ length: 400 }, (_, i) => [Buffer.alloc(512 * 1024, i % 250)])
  let turns = 0
  const watching = setInterval(() => turns++, 0)
  const digests = await Promise.all(parts.map((part, i) => new LinkContent(`m${i}`, () => part).digest()))
  clearInterval(watching)
  assert.ok(turns >= 3, `${turns} turns of the event loop`)
  for (const i of [0, 249, 399])
    assert.equal(
      digests[i],
      createHash('sha256')
        .update(Buffer.alloc(512 * 1024, i % 250))
        .digest('hex'),
    )
})

test('what is left of views on memory that was taken back is nobody’s content', async () => {
  const view = new Uint8Array(new ArrayBuffer(8))
  const content = new LinkContent('m0', () => [view])
  const digest = await content.digest()
  structuredClone(view.buffer, { transfer: [view.buffer] })
  assert.equal(view.byteLength, 0)
  assert.deepEqual([content.sizeBytes, await content.digest()], [8, digest])
  assert.throws(() => content.bytes(), { code: 'DTLTO_CANCELLED' })
  assert.throws(() => content.lease(), { code: 'DTLTO_CANCELLED' })
})
