import { connect, createServer, type Server, type Socket } from 'node:net'

/** What a proxy does with the bytes that a server sends back; `undefined` ends the connection. */
export type Meddle = (chunk: Buffer, offset: number) => Buffer | undefined

const TURNS = 20

/** A TCP relay in front of a real server that meddles with its answers. */
export class Proxy {
  meddle: Meddle = (chunk) => chunk
  /** Every chunk arrives so much later, in both directions. */
  delayMs = 0
  connections = 0
  /** The most connections that were open at a time. */
  most = 0
  /** There are more connections. */
  onMore = (): void => undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #open = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  static async to(port: number): Promise<Proxy> {
    const server = createServer()
    const proxy = new Proxy(server)
    server.on('connection', (client) => proxy.#relay(client, port))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get address(): string {
    const address = this.#server.address()
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  /** Connections that neither side has ended. */
  get open(): number {
    return this.#open.size
  }

  /**
   * What ended before another began may be among the events that come next, whatever the order: only what stays for some turns of the event loop, far
   * less than a job takes, was there at a time.
   */
  async #count(): Promise<void> {
    let least = this.open
    for (let i = 0; i < TURNS; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      least = Math.min(least, this.open)
    }
    this.most = Math.max(this.most, least)
    this.onMore()
  }

  #relay(client: Socket, port: number): void {
    this.connections++
    this.#open.add(client)
    void this.#count()
    const server = connect(port, '127.0.0.1')
    const { meddle } = this
    let offset = 0
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => socket.destroy())
      // Who hangs up first is the server, when it has answered; then the client does, before it opens another.
      socket.on('end', () => this.#open.delete(client))
      socket.on('close', () => {
        this.#open.delete(client)
        this.#sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (chunk) => this.#later(() => server.write(chunk)))
    server.on('data', (chunk) => {
      const changed = meddle(chunk, offset)
      offset += chunk.length
      if (changed === undefined) client.end()
      else this.#later(() => client.write(changed))
    })
    server.removeAllListeners('close')
    server.on('close', () => {
      this.#sockets.delete(server)
      this.#later(() => client.end())
    })
  }

  #later(action: () => void): void {
    if (this.delayMs === 0) action()
    else setTimeout(action, this.delayMs)
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
