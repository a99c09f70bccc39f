import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { giveBackGarbage } from './spare-memory.js'

const MIB = 1024 * 1024

test('buffers that nobody holds any more are given back', async () => {
  let held: Uint8Array[] | undefined = Array.from({ length: 200 }, (_, i) => new Uint8Array(MIB).fill(i))
  const before = process.memoryUsage().arrayBuffers
  assert.ok(before >= held.length * MIB)
  held = undefined
  giveBackGarbage()
  // V8 frees them on a thread of its own.
  let given = 0
  for (let i = 0; i < 200 && given < 190 * MIB; i++) {
    await sleep(10)
    given = before - process.memoryUsage().arrayBuffers
  }
  assert.ok(given >= 190 * MIB, `${given} of ${before} bytes`)
})
