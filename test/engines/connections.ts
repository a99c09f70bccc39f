/** Who is connected to a server on loopback, counted at a relay in front of it: no look at another moment can miss one. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const TURNS = 20

/** A port that leads to `target`, both on loopback. */
export class Relay {
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  readonly #onChange: () => void
  /** The most connections that there were at a time. */
  most = 0

  private constructor(target: number, onChange: () => void) {
    this.#onChange = onChange
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#relay(client, target))
  }

  /** `onChange`: there are more or fewer. */
  static async start(target: number, onChange: () => void = () => undefined): Promise<Relay> {
    const relay = new Relay(target, onChange)
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve))
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get open(): number {
    return this.#clients.size
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
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
    this.#onChange()
  }

  #relay(client: Socket, target: number): void {
    const server = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true })
    this.#clients.add(client)
    void this.#count()
    // Who hangs up first is the server, when it has answered; then the client does, before it opens another.
    for (const socket of [client, server]) socket.on('end', () => this.#clients.delete(client))
    client.pipe(server)
    server.pipe(client)
    const gone = (): void => {
      client.destroy()
      server.destroy()
      this.#clients.delete(client)
    }
    for (const socket of [client, server]) {
      socket.on('error', gone)
      socket.on('close', gone)
    }
  }
}
