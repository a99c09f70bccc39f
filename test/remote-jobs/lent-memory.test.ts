import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { inTemporaryDirectory, STOCK } from '../link/toolchain.js'
import { x86_64 } from '../parity/targets.js'
import { withJobs } from './jobs.js'
import { compileFor } from './small-links.js'

test('a plugin cannot take the memory of modules away, and what it read outlives the link', () =>
  inTemporaryDirectory(async (cwd) => {
    const inputs = compileFor(x86_64, cwd).map((object) => join(cwd, object))
    const lent: Uint8Array[] = []
    let before: Buffer[] = []
    await withJobs([STOCK, '-shared', ...inputs, '-o', join(cwd, 'out')], async (jobs) => {
      for (const job of jobs) {
        const packed = await job.package()
        if (packed.kind === 'cannot') assert.fail(packed.reason)
        for (const { role, content } of packed.blobs)
          if (role === 'own' || role === 'import') lent.push(...content.lease().parts)
      }
      before = lent.map((part) => Buffer.from(part))
      const { port1, port2 } = new MessageChannel()
      for (const { buffer } of lent) {
        // Some versions of Node refuse, others make a copy.
        try {
          port1.postMessage(buffer, [buffer as ArrayBuffer])
        } catch {}
        try {
          structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
        } catch {}
      }
      port1.close()
      port2.close()
      assert.deepEqual(
        lent.map((part) => part.byteLength),
        before.map((part) => part.byteLength),
      )
    })
    // The link of an embedding program has freed its memory by now.
    for (const [at, part] of lent.entries()) assert.ok(before[at]?.equals(part), `part ${String(at)}`)
  }))
