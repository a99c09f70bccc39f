import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { createServer, type Http2Server, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ChannelCredentials } from '@grpc/grpc-js'
import { Channel } from './channel.js'
import { GET_CAPABILITIES } from './methods.js'
import { mayPass } from './retry.js'
import { CODE, RpcError } from './status.js'

test('a server that is asked too often whether it lives ends the connection, and nothing is printed', async (t) => {
  const printed = t.mock.method(console, 'error', () => undefined)
  const server = createServer().on('stream', ({ session }) =>
    session?.goaway(ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings')),
  )
  await withChannel(server, async (channel) => {
    const options = { signal: new AbortController().signal, timeoutMs: 10_000 }
    const call = channel.unary(GET_CAPABILITIES, { instanceName: '' }, options)
    await assert.rejects(call, (error) => error instanceof RpcError && mayPass(error))
    assert.deepEqual(printed.mock.calls, [])
  })
})

test('more calls than a server takes on one connection go over several', async () => {
  const CALLS = 250
  const waiting: ServerHttp2Stream[] = []
  const server = createServer({ settings: { maxConcurrentStreams: 100 } }).on('stream', (stream) => {
    waiting.push(stream)
    // None is answered before all are there.
    if (waiting.length === CALLS) for (const each of waiting) refuse(each)
  })
  await withChannel(server, async (channel, sessions) => {
    const options = { signal: new AbortController().signal, timeoutMs: 30_000 }
    setMaxListeners(0, options.signal)
    const calls = Array.from({ length: CALLS }, () => channel.unary(GET_CAPABILITIES, { instanceName: '' }, options))
    const ended = await Promise.allSettled(calls)
    for (const each of ended) {
      assert.ok(each.status === 'rejected' && each.reason instanceof RpcError)
      assert.equal(each.reason.code, CODE.NOT_FOUND)
    }
    assert.equal(sessions.length, 3)
  })
})

test('a server may send megabytes before it hears that they were taken, on the connection and in a call', async () => {
  const WANTED = 4 * 1024 ** 2
  let callBytes = 0
  const server = createServer()
  server.on('stream', (stream) => {
    callBytes = stream.session?.remoteSettings.initialWindowSize ?? 0
    refuse(stream)
  })
  await withChannel(server, async (channel, sessions) => {
    const options = { signal: new AbortController().signal, timeoutMs: 30_000 }
    await channel.unary(GET_CAPABILITIES, { instanceName: '' }, options).catch(() => undefined)
    assert.ok(callBytes >= WANTED, `${callBytes} bytes a call`)
    // Said in a frame of its own, which may come after the call.
    while ((sessions[0]?.state.remoteWindowSize ?? 0) < WANTED) await new Promise((resolve) => setTimeout(resolve, 10))
  })
})

async function withChannel(
  server: Http2Server,
  use: (channel: Channel, sessions: readonly Http2Session[]) => Promise<void>,
): Promise<void> {
  const sessions: Http2Session[] = []
  server.on('session', (session) => sessions.push(session))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const channel = new Channel(`127.0.0.1:${port}`, ChannelCredentials.createInsecure(), () => Promise.resolve({}))
  try {
    await use(channel, sessions)
  } finally {
    channel.close()
    for (const session of sessions) session.destroy()
    server.close()
  }
}

function refuse(stream: ServerHttp2Stream): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(CODE.NOT_FOUND) }
  stream.respond(headers, { endStream: true })
}

/** https://www.rfc-editor.org/rfc/rfc9113#section-7 */
const ENHANCE_YOUR_CALM = 0xb
