import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ByteBudget, lzo1x } from 'dtlto/plugin'
import { exchange, type ExchangeResult } from './exchange.js'
import { token } from './request.js'
import type { AnswerRoom } from './rooms.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('an exchange that is over keeps nothing of its answer in memory', async () => {
  const server = await answering('', Buffer.alloc(100_000, 'object'))
  try {
    const objects: WeakRef<Uint8Array>[] = []
    for (let i = 0; i < 20; i++) objects.push(await objectOf(server))
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

test('an answer with a text has room for its object, however little there is in all', async () => {
  const server = await answering('a note', Buffer.alloc(100_000, 'object'))
  try {
    const { answer } = await exchangeWith(server, { wire: new ByteBudget(100), objects: new ByteBudget(100) })
    assert.deepEqual([answer.stderr, answer.object.length], ['a note', 100_000])
  } finally {
    server.close()
  }
})

test('a machine with several addresses, none of which answers, is told of with all of them', async (t) => {
  const server = await answering('', Buffer.alloc(0))
  const { port } = server.address() as AddressInfo
  server.close()
  const addresses = ['127.0.0.2', '127.0.0.3'].map((address) => ({ address, family: 4 }))
  t.mock.method(dns, 'lookup', (_name: string, _options: unknown, give: (error: null, all: unknown) => void) =>
    give(null, addresses),
  )
  await assert.rejects(exchangeAt('build1', port), {
    kind: 'unreachable',
    message: `connect ECONNREFUSED 127.0.0.2:${port}; connect ECONNREFUSED 127.0.0.3:${port}`,
  })
})

/** It closes with its answer, as distccd does: often before the answer is decompressed. */
async function answering(stderr: string, object: Buffer): Promise<Server> {
  const answer = Buffer.concat([
    Buffer.from(token('DONE', 3) + token('STAT', 0)),
    ...body('SERR', Buffer.from(stderr)),
    ...body('SOUT', Buffer.alloc(0)),
    ...body('DOTO', object),
  ])
  const server = createServer((socket) => socket.once('data', () => socket.end(answer)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function body(name: string, bytes: Buffer): readonly Uint8Array[] {
  if (bytes.length === 0) return [Buffer.from(token(name, 0))]
  const block = lzo1x().compress(bytes)
  return [Buffer.from(token(name, block.length)), block]
}

function exchangeWith(server: Server, room?: AnswerRoom): Promise<ExchangeResult> {
  return exchangeAt('127.0.0.1', (server.address() as AddressInfo).port, room && { room })
}

function exchangeAt(
  host: string,
  port: number,
  more: Partial<Parameters<typeof exchange>[0]> = {},
): Promise<ExchangeResult> {
  return exchange({
    host,
    port,
    request: [Buffer.from('request')],
    connectTimeoutMs: 60_000,
    deadlineMs: 60_000,
    signal: new AbortController().signal,
    now: () => performance.now(),
    ...more,
  })
}

/** That of one exchange, which nobody holds. */
async function objectOf(server: Server): Promise<WeakRef<Uint8Array>> {
  const { port } = server.address() as AddressInfo
  let onClosed = (): void => undefined
  const closed = new Promise<void>((resolve) => (onClosed = resolve))
  const { answer } = await exchangeAt('127.0.0.1', port, { onClosed })
  await closed
  assert.equal(answer.object.length, 100_000)
  return new WeakRef(answer.object)
}
