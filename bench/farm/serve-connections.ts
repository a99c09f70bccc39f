import { type AddressInfo, createServer, type Socket } from 'node:net'
import { ConnectionEnded } from './reader.js'
import type { FarmMachine } from './wire.js'

/** A machine that serves each connection by itself; one that it cannot serve is dropped. */
export async function serveConnections(serve: (socket: Socket) => Promise<void>): Promise<FarmMachine> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    void serve(socket).catch((error: unknown) => {
      if (!(error instanceof ConnectionEnded)) console.error('a machine of the farm has dropped a connection:', error)
      socket.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
