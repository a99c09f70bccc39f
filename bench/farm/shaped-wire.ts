/**
 * A wire of limited speed in front of a machine: a proxy that gives bytes on when they would have arrived. Both directions have the same delay and speed;
 * the cable of the linking machine, when it is limited too, is shared by all.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { FarmMachine } from './wire.js'

export interface WireSpeed {
  /** One way. */
  readonly delayMs: number
  /** Of one machine's cable; 0: not limited. */
  readonly machineMbit: number
  /** Of the linking machine's cable; 0: not limited. */
  readonly uplinkMbit: number
}

/** A cable in one direction: bytes follow each other. */
export class Cable {
  readonly #bytesPerMs: number
  #freeAtMs = 0

  constructor(mbit: number) {
    this.#bytesPerMs = mbit === 0 ? Number.POSITIVE_INFINITY : (mbit * 1e6) / 8 / 1000
  }

  /** When the last of `bytes` is through that come to it at `atMs`. */
  pass(bytes: number, atMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, atMs) + bytes / this.#bytesPerMs
    return this.#freeAtMs
  }
}

export interface Uplink {
  readonly out: Cable
  readonly back: Cable
}

/** Puts the wire before `machine`. */
export async function shape(machine: FarmMachine, speed: WireSpeed, uplink: Uplink): Promise<FarmMachine> {
  const own: Uplink = { out: new Cable(speed.machineMbit), back: new Cable(speed.machineMbit) }
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: machine.port, allowHalfOpen: true, noDelay: true })
    near.setNoDelay(true)
    pump(near, far, [uplink.out, own.out], speed.delayMs)
    pump(far, near, [own.back, uplink.back], speed.delayMs)
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        if (socket.errored) other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve))
  return {
    ...machine,
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await machine.stop()
    },
  }
}

function pump(from: Socket, to: Socket, cables: readonly Cable[], delayMs: number): void {
  const onTheWire: Buffer[] = []
  let ended = false
  const end = (): void => {
    if (ended && onTheWire.length === 0) to.end()
  }
  from.on('data', (chunk: Buffer) => {
    const nowMs = performance.now()
    const atMs = cables.reduce((ms, cable) => cable.pass(chunk.length, ms), nowMs) + delayMs
    // What is on the wire is not read ahead of it: the sender waits as for a real one.
    onTheWire.push(chunk)
    from.pause()
    setTimeout(
      () => {
        // The first one, whichever's timer this is: two that are due in the same millisecond may go off in either order.
        const first = onTheWire.shift()
        if (first !== undefined) to.write(first)
        end()
      },
      Math.max(0, atMs - nowMs),
    )
    setTimeout(() => from.resume(), Math.max(0, atMs - delayMs - nowMs))
  })
  from.on('end', () => {
    ended = true
    end()
  })
}
