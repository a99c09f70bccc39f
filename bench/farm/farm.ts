/** An emulated farm: machines of one kind, with a wire before them, of which some may be slow or die. */
import { distccWire } from './distcc-wire.js'
import { reapiWire } from './reapi-wire.js'
import type { Recordings } from './recordings.js'
import { Cable, shape, type WireSpeed } from './shaped-wire.js'
import { Slots, type Totals } from './slots.js'
import { addTotals, type FarmMachine, type FarmWire } from './wire.js'
import { workerWire } from './worker-wire.js'

export const WIRES = { distcc: distccWire, worker: workerWire, reapi: reapiWire } as const satisfies Record<
  string,
  FarmWire
>

export type WireName = keyof typeof WIRES

/** A wire, as `option` of a command line names it. Throws for what is none. */
export function wireName(option: string, text: string): WireName {
  if (Object.hasOwn(WIRES, text)) return text as WireName
  throw new Error(`${option}: expected ${Object.keys(WIRES).join(', ')} but received '${text}'`)
}

export interface FarmOptions {
  readonly slotsOfAMachine: number
  readonly speed: WireSpeed
  /** The last ones take this many times as long as the others. */
  readonly slowMachines: number
  /** Further ones die after half of their share of the jobs. */
  readonly killedMachines: number
}

const SLOWNESS = 10

export class Farm {
  readonly #machines: readonly FarmMachine[]
  readonly #slots: readonly Slots[]
  readonly #killed: readonly FarmMachine[]
  readonly linkerOptions: readonly string[]

  private constructor(
    machines: readonly FarmMachine[],
    slots: readonly Slots[],
    killed: readonly FarmMachine[],
    linkerOptions: readonly string[],
  ) {
    this.#machines = machines
    this.#slots = slots
    this.#killed = killed
    this.linkerOptions = linkerOptions
  }

  /** `jobs`: how many there will be, for when machines die. */
  static async start(
    name: WireName,
    slotCount: number,
    recordings: Recordings,
    isRecording: boolean,
    { slotsOfAMachine, speed, slowMachines, killedMachines }: FarmOptions,
    jobs: number,
  ): Promise<Farm> {
    const wire: FarmWire = WIRES[name]
    const count = wire.isCluster ? 1 : Math.ceil(slotCount / slotsOfAMachine)
    const uplink = { out: new Cable(speed.uplinkMbit), back: new Cable(speed.uplinkMbit) }
    const isShaped = speed.delayMs > 0 || speed.machineMbit > 0 || speed.uplinkMbit > 0
    const machines: FarmMachine[] = []
    const slots: Slots[] = []
    const killed: FarmMachine[] = []
    for (let i = 0; i < count; i++) {
      const before = Math.floor((i * slotCount) / count)
      const own = new Slots({
        slots: Math.floor(((i + 1) * slotCount) / count) - before,
        slowness: i >= count - slowMachines ? SLOWNESS : 1,
        recordings,
        isRecording,
      })
      const machine = await wire.start(own)
      machines.push(isShaped ? await shape(machine, speed, uplink) : machine)
      slots.push(own)
      const kill = (): void => {
        killed.push(machine)
        void machine.stop()
      }
      if (i < killedMachines) own.onJob(Math.ceil(jobs / count / 2), kill)
    }
    const places = machines.map(({ port }, i) => ({ port, slots: slots[i]?.count ?? 1 }))
    return new Farm(machines, slots, killed, await wire.linkerOptions(places))
  }

  /** How many machines have died. */
  get killed(): number {
    return this.#killed.length
  }

  /** Of the links since the last call. `sentBytes`: what requests had, or, where machines keep contents, what was uploaded. */
  takeTotals(): Totals & { readonly sentBytes: number } {
    const totals = addTotals(this.#slots.map((slots) => slots.takeTotals()))
    const kept = this.#machines.flatMap(({ forget }) => (forget ? [forget()] : []))
    return { ...totals, sentBytes: kept.length > 0 ? kept.reduce((sum, bytes) => sum + bytes, 0) : totals.requestBytes }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#machines.map((machine) => machine.stop()))
  }
}
