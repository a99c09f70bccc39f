import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BufferPool } from './buffer-pool.js'

describe('the buffer pool', () => {
  it('gives buffers that are large enough, and not by more than a quarter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 26 }), (bytes) => {
        const { length } = new BufferPool(0).take(bytes)
        assert.ok(length >= bytes && length <= Math.max(1024, bytes * 1.25))
      }),
    )
  })

  it('gives again what it was given, also a view on it, and to one at a time', () => {
    const pool = new BufferPool(1 << 20)
    const first = pool.take(5000)
    pool.give(first.subarray(0, 4321))
    const second = pool.take(4999)
    assert.equal(second.buffer, first.buffer)
    assert.notEqual(pool.take(5000).buffer, first.buffer)
  })

  it('keeps no more than its budget', () => {
    const pool = new BufferPool(8192)
    const taken = [pool.take(8192), pool.take(8192)]
    for (const buffer of taken) pool.give(buffer)
    assert.equal(pool.take(8192).buffer, taken[0]?.buffer)
    assert.ok(!taken.some(({ buffer }) => buffer === pool.take(8192).buffer))
  })
})
