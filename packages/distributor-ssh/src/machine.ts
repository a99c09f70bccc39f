import {
  type Attempt,
  type BackendJob,
  codegenResult,
  type CompileResult,
  cancelled,
  DtltoError,
  type Endpoint,
  orAborted,
  type SelfCheck,
} from 'dtlto/plugin'
import { type ConnectFacts, shipToolchain, startServer } from './connect.js'
import type { Facts } from './frames.js'
import type { Host } from './hosts.js'
import { Session, type Traffic } from './session.js'
import type { SshClient, SshFacts } from './ssh-process.js'
import type { Toolchain } from './toolchain.js'
import { refused } from './trouble.js'
import type { Tuning } from './tuning.js'

export interface MachineFacts extends Omit<SshFacts, 'client'> {
  readonly client: () => Promise<SshClient>
  readonly toolchain: () => Promise<Toolchain>
  readonly cache: string | undefined
  readonly tuning: Tuning
  readonly now: () => number
  readonly onChange: () => void
  readonly debug: (message: string) => void
}

/** Before a machine has said how many processors it has. */
const DEFAULT_SLOTS = 4
/** What others do is the least of so many looks: a look sees one moment. */
const LOOKS = 3

/** A machine, an endpoint of its own: one connection, which is made when the link begins and again when it was lost. */
export class Machine implements Endpoint {
  readonly id: string
  readonly traffic: Traffic = { sentBytes: 0 }
  readonly #host: Host
  readonly #facts: MachineFacts
  readonly #closing = new AbortController()
  #session: Session | undefined
  #connecting: Promise<Session> | undefined
  /** The connection that was begun with the link has come to something. */
  #hasBegun = false
  #shipping: string | undefined
  #machine: Facts | undefined
  #others: number[] = []
  /** Of dtlto-codegen, by this process. */
  #sentBytes = 0

  constructor(host: Host, facts: MachineFacts) {
    this.#host = host
    this.#facts = facts
    this.id = host.name
  }

  get slots(): number {
    return this.#host.slots ?? this.#machine?.cpus ?? DEFAULT_SLOTS
  }

  /** A first connection may take its time: dtlto-codegen is sent. */
  get accepting(): boolean {
    return !this.#closing.signal.aborted && this.#hasBegun && this.#shipping === undefined
  }

  /** Where others take more than what we leave, the system shares the processors evenly among all threads. */
  get busyElsewhere(): number {
    const [cpus, slots, others] = [this.#machine?.cpus ?? Infinity, this.slots, Math.min(...this.#others)]
    if (!(others + slots > cpus) || others === Infinity) return 0
    const ours = Math.max(cpus - others, (cpus * slots) / (slots + others))
    return Math.max(0, slots - Math.max(1, Math.ceil(ours)))
  }

  get text(): string {
    if (this.#shipping !== undefined) return this.#shipping
    if (this.#machine === undefined) return this.#hasBegun ? 'not connected' : 'connecting'
    const { cpus, load } = this.#machine
    return `${load === undefined ? '' : `load ${load.toFixed(1)}, `}${cpus} processors`
  }

  /** Connects, so that the machine is ready when there are jobs. What goes wrong is told by the first probe. */
  begin(): void {
    this.#connected().then(
      () => undefined,
      () => undefined,
    )
  }

  async probe(signal: AbortSignal): Promise<void> {
    const session = await orAborted(this.#connected(), signal)
    await session.ping(signal)
  }

  /** For `dtlto doctor`. Never rejects. */
  async examine(signal: AbortSignal): Promise<SelfCheck> {
    const { now } = this.#facts
    try {
      const beganMs = now()
      const session = await orAborted(this.#connected(), signal)
      const connectedMs = now()
      await session.ping(signal)
      const compiler =
        this.#sentBytes === 0
          ? 'dtlto-codegen is there'
          : `dtlto-codegen was sent (${Math.round(this.#sentBytes / 1e6)} MB)`
      const parts = [
        `connected in ${(connectedMs - beganMs).toFixed(0)} ms`,
        `answers in ${(now() - connectedMs).toFixed(0)} ms`,
        `${this.text}, ${this.slots} slots`,
        compiler,
      ]
      return { level: 'good', text: `'${this.id}': ${parts.join('; ')}` }
    } catch (error) {
      return { level: 'bad', text: error instanceof Error ? error.message : String(error) }
    }
  }

  async compile(job: BackendJob, attempt: Attempt): Promise<CompileResult> {
    const packed = await job.package()
    if (packed.kind === 'cannot') return packed
    // The connection is made for all jobs: it goes on without this one.
    const session = await orAborted(this.#connected(), attempt.signal)
    const beganMs = this.#facts.now()
    const answer = await session.compile(packed, attempt)
    return codegenResult(answer, job.moduleId, packed, { compileMs: this.#facts.now() - beganMs })
  }

  close(): void {
    this.#closing.abort()
    this.#session?.close()
  }

  destroy(): void {
    this.#closing.abort()
    this.#session?.destroy()
  }

  #connected(): Promise<Session> {
    if (this.#closing.signal.aborted) return Promise.reject(cancelled())
    if (this.#session?.isAlive) return Promise.resolve(this.#session)
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
      this.#shipping = undefined
      this.#hasBegun = true
      this.#facts.onChange()
    })
    return this.#connecting
  }

  async #connect(): Promise<Session> {
    const { now, debug, tuning } = this.#facts
    const beganMs = now()
    const [toolchain, client] = await Promise.all([this.#facts.toolchain(), this.#facts.client()])
    const facts: ConnectFacts = { ...this.#facts, toolchain, client }
    const { signal } = this.#closing
    let served = await startServer(this.#host, facts, signal)
    if (served === undefined) {
      await this.#ship(facts)
      served = await startServer(this.#host, facts, signal)
      if (served === undefined)
        throw refused(this.id, 'dtlto-codegen was sent, and is not there or damaged all the same')
    }
    debug(`ssh: connected to '${this.id}' in ${(now() - beganMs).toFixed(0)} ms`)
    const session = new Session(
      served.ssh,
      served.head,
      {
        name: this.id,
        tuning,
        now,
        onFacts: (told) => this.#told(told),
        onLost: () => this.#facts.onChange(),
      },
      this.traffic,
    )
    this.#session = session
    if (signal.aborted) session.close()
    return session
  }

  async #ship(facts: ConnectFacts): Promise<void> {
    const totalBytes = facts.toolchain.sizeBytes
    let told = -1
    const tell = (sentBytes: number): void => {
      const percent = Math.floor((100 * sentBytes) / totalBytes)
      if (percent === told) return
      told = percent
      this.#shipping = `receives dtlto-codegen, once (${percent} % of ${Math.round(totalBytes / 1e6)} MB)`
      this.#facts.onChange()
    }
    tell(0)
    await shipToolchain(this.#host, facts, this.#closing.signal, tell)
    this.#sentBytes = totalBytes
    this.#facts.debug(`ssh: sent ${totalBytes} bytes of dtlto-codegen to '${this.id}'`)
  }

  #told(told: Facts): void {
    this.#machine = told
    // One of the threads is the one that looked.
    if (told.runnable !== undefined)
      this.#others = [...this.#others, Math.max(0, told.runnable - told.jobs - 1)].slice(-LOOKS)
    this.#facts.onChange()
  }
}

/** The scheduler gives back what `endpoints` gave. */
export function machineOf(machines: readonly Machine[], { id }: Endpoint): Machine {
  const machine = machines.find((each) => each.id === id)
  if (machine === undefined) throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `there is no machine '${id}'`)
  return machine
}
