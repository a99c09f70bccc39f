/** What the benchmark needs of a kind of farm. */
import type { Slots, Totals } from './slots.js'

export interface FarmMachine {
  /** On 127.0.0.1. */
  readonly port: number
  /** Makes a machine that keeps something what it was before the last link; returns the bytes that it was sent and kept. */
  readonly forget?: () => number
  readonly stop: () => Promise<void>
}

export interface FarmWire {
  /** Starts one machine. */
  start(slots: Slots): Promise<FarmMachine>
  /** The linker's options for these machines. */
  linkerOptions(machines: readonly { readonly port: number; readonly slots: number }[]): Promise<readonly string[]>
  /** Of a machine with its own queue (a cluster) there is one, however many slots are asked for. */
  readonly isCluster: boolean
}

export function addTotals(all: readonly Totals[]): Totals {
  return {
    jobs: all.reduce((sum, { jobs }) => sum + jobs, 0),
    times: new Map(all.flatMap(({ times }) => [...times])),
    requestBytes: all.reduce((sum, { requestBytes }) => sum + requestBytes, 0),
    busyAtOnce: all.reduce((sum, { busyAtOnce }) => sum + busyAtOnce, 0),
  }
}
