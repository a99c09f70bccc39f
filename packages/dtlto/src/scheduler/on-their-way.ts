/** Attempts of which something still waits in this process, or is on the wire. */
import type { DistributorState } from './distributor-state.js'
import { EndpointExecutor } from './endpoint.js'
import type { Attempt } from './executor.js'

/** What takes so long to be sent, in milliseconds, keeps the wire no busier than others let it: its endpoint reads slowly, or not at all. */
const LONG_MS = 5_000

export class OnTheirWay {
  /** Of distributors that say when a job was sent, the earliest first. */
  readonly #sending = new Set<Attempt>()
  #sendingBytes = 0
  #bytes = 0

  /** Of all. */
  get bytes(): number {
    return this.#bytes
  }

  /** Of those that began lately, at distributors that say when a job was sent. */
  sendingBytes(nowMs: number): number {
    for (const attempt of this.#sending) {
      if (nowMs - attempt.sentMs < LONG_MS) break
      this.#notSending(attempt)
    }
    return this.#sendingBytes
  }

  add(attempt: Attempt): void {
    this.#bytes += attempt.bytes
    if (distributorOf(attempt)?.saysSent !== true) return
    this.#sending.add(attempt)
    this.#sendingBytes += attempt.bytes
  }

  letGo(attempt: Attempt): void {
    if (attempt.holdsBytes) this.#bytes -= attempt.bytes
    attempt.holdsBytes = false
    this.#notSending(attempt)
  }

  /** The distributor does not say when jobs were sent: nobody knows what of it is on its way. */
  untold(distributor: DistributorState): void {
    if (!distributor.saysSent) return
    distributor.saysSent = false
    for (const attempt of this.#sending) if (distributorOf(attempt) === distributor) this.#notSending(attempt)
  }

  #notSending(attempt: Attempt): void {
    if (this.#sending.delete(attempt)) this.#sendingBytes -= attempt.bytes
  }
}

function distributorOf({ executor }: Attempt): DistributorState | undefined {
  return executor instanceof EndpointExecutor ? executor.distributor : undefined
}
