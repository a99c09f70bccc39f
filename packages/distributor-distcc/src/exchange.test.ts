import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { lzo1x } from 'dtlto/plugin'
import { exchange } from './exchange.js'
import { token } from './request.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('an exchange that is over keeps nothing of its answer in memory', async () => {
  const block = lzo1x().compress(Buffer.alloc(100_000, 'object'))
  const head = token('DONE', 3) + token('STAT', 0) + token('SERR', 0) + token('SOUT', 0) + token('DOTO', block.length)
  // It closes with its answer, as distccd does: often before the answer is decompressed.
  const server = createServer((socket) =>
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from(head), block]))),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const objects: WeakRef<Uint8Array>[] = []
    for (let i = 0; i < 20; i++) objects.push(await objectOf((server.address() as AddressInfo).port))
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      collectGarbage()
    }
    const kept = objects.filter((object) => object.deref() !== undefined).length
    // V8 may find the last one on a stack.
    assert.ok(kept <= 1, `${String(kept)} of ${String(objects.length)} objects`)
  } finally {
    server.close()
  }
})

/** That of one exchange, which nobody holds. */
async function objectOf(port: number): Promise<WeakRef<Uint8Array>> {
  let onClosed = (): void => undefined
  const closed = new Promise<void>((resolve) => (onClosed = resolve))
  const { answer } = await exchange({
    host: '127.0.0.1',
    port,
    request: [Buffer.from('request')],
    connectTimeoutMs: 60_000,
    deadlineMs: 60_000,
    signal: new AbortController().signal,
    now: () => performance.now(),
    onClosed,
  })
  await closed
  assert.equal(answer.object.length, 100_000)
  return new WeakRef(answer.object)
}
