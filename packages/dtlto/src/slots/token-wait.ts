import type { ConnectOpts, Socket, SocketConstructorOpts } from 'node:net'
import type { Jobserver } from './jobserver.js'

/**
 * Waits for tokens on the event loop, one at a time: the buffer to read into is one byte long, and reading stops after each. (A
 * stream would read as much as it gets, and fs.read would leave a thread in read(2), to take a token at the very moment in which the
 * process ends.)
 */
export class TokenWait {
  waiting = false
  #socket: Socket | undefined
  #unusable = false
  readonly #jobserver: Jobserver
  readonly #onToken: (byte: number) => void

  constructor(jobserver: Jobserver, onToken: (byte: number) => void) {
    this.#jobserver = jobserver
    this.#onToken = onToken
  }

  start(): void {
    if (this.waiting || this.#unusable) return
    this.waiting = true
    if (this.#socket) this.#socket.resume()
    else this.#socket = this.#open()
  }

  pause(): void {
    if (!this.waiting) return
    this.waiting = false
    this.#socket?.pause()
  }

  close(): void {
    this.#unusable = true
    this.waiting = false
    this.#socket?.destroy()
  }

  #open(): Socket | undefined {
    const fd = this.#jobserver.openForWaiting()
    if (fd === undefined) return this.#giveUp()
    // Loaded when it is needed: it costs a millisecond.
    const { Socket } = process.getBuiltinModule('node:net')
    const options: SocketConstructorOpts & ConnectOpts = {
      fd,
      readable: true,
      writable: false,
      onread: {
        buffer: Buffer.alloc(1),
        callback: (count, buffer) => {
          this.waiting = false
          const byte = count === 1 ? buffer[0] : undefined
          if (byte !== undefined) this.#onToken(byte)
          return this.waiting
        },
      },
    }
    const socket = new Socket(options)
    socket.unref()
    socket.on('error', () => this.#giveUp())
    socket.on('end', () => this.#giveUp())
    return socket
  }

  /** The jobserver is gone: what is held is held, there is no more to get. */
  #giveUp(): undefined {
    this.#unusable = true
    this.waiting = false
    return undefined
  }
}
