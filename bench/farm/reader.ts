/** Exact numbers of bytes from a socket, one read at a time. */
import type { Socket } from 'node:net'

/** Rejects when the other side has gone. */
export function readExactly(socket: Socket, bytes: number): Promise<Buffer> {
  if (bytes === 0) return Promise.resolve(Buffer.alloc(0))
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const chunk = socket.read(bytes) as Buffer | null
      // At the stream's end `read` gives what is left.
      if (chunk === null) return
      stop()
      if (chunk.length === bytes) resolve(chunk)
      else reject(new Error('the connection ended'))
    }
    const gone = (): void => {
      stop()
      reject(new Error('the connection ended'))
    }
    const stop = (): void => {
      socket.off('readable', look)
      socket.off('close', gone)
      socket.off('end', gone)
    }
    socket.on('readable', look)
    socket.on('close', gone)
    socket.on('end', gone)
    look()
  })
}
