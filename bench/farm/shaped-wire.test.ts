import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cable, shape } from './shaped-wire.js'

const CHUNKS = 400

test('an emulated wire gives bytes on in their order, and after their delay', async () => {
  const received: string[] = []
  const server = createServer((socket) => socket.on('data', (chunk: Buffer) => received.push(chunk.toString())))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const machine = { port, forget: () => 0, stop: () => Promise.resolve() }
  const unlimited = { out: new Cable(0), back: new Cable(0) }
  const wire = await shape(machine, { delayMs: 10, machineMbit: 0, uplinkMbit: 0 }, unlimited)
  const socket = connect({ port: wire.port, host: '127.0.0.1', noDelay: true })
  try {
    await once(socket, 'connect')
    const beganMs = performance.now()
    const sent = Array.from({ length: CHUNKS }, (_, i) => `${i} `)
    for (const text of sent) {
      socket.write(text)
      // Some meet in a millisecond on their way, others do not.
      await sleep(Math.random() * 2)
    }
    const all = sent.join('')
    while (received.join('').length < all.length) await sleep(1)
    assert.equal(received.join(''), all)
    assert.ok(performance.now() - beganMs >= 10)
  } finally {
    socket.destroy()
    await wire.stop()
    server.close()
  }
})
