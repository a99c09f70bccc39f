/** One link of a real program over an emulated farm. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../scripts/root.mjs'
import { LLVM_MAJOR } from '../../test/link/toolchain.js'
import { checkProgram, type Program } from '../../test/programs/programs.js'
import { findProgram, linkCommand, type LinkerCommand } from '../linkers.js'
import { measure, type Sample } from '../measure.js'
import { Farm, type FarmOptions, type WireName } from './farm.js'
import type { Recordings } from './recordings.js'
import { noTotals, type Totals } from './slots.js'

/** LLVM's own DTLTO is no wire of ours; its farm is a distributor program. */
export type RowName = WireName | 'llvm-dtlto'

export interface FarmLink {
  readonly sample: Sample
  readonly totals: Totals
  readonly sentBytes: number
  readonly command: LinkerCommand
}

/** Neither slow nor far away. */
export const PLAIN_FARM: FarmOptions = {
  slotsOfAMachine: 16,
  speed: { delayMs: 0, machineMbit: 0, uplinkMbit: 0 },
  slowMachines: 0,
  killedMachines: 0,
}

/** A link in which every job is compiled, and recorded. */
export async function record(program: Program, wire: RowName, recordings: Recordings): Promise<void> {
  const slots = availableParallelism()
  if (wire === 'llvm-dtlto') await linkWithLlvm(program, recordings, slots, 'record')
  else {
    const { command } = await overFarm(program, wire, await Farm.start(wire, slots, recordings, true, PLAIN_FARM, 0))
    await checkProgram(program, command.output)
  }
}

/** A link whose jobs are answered from the recordings. `extra`: further arguments of the linker. */
export async function linkOverFarm(
  program: Program,
  wire: RowName,
  recordings: Recordings,
  slots: number,
  options: FarmOptions = PLAIN_FARM,
  extra: readonly string[] = [],
): Promise<FarmLink> {
  if (wire === 'llvm-dtlto') return linkWithLlvm(program, recordings, slots, 'replay')
  const jobs = (await recordings.times()).length
  return overFarm(program, wire, await Farm.start(wire, slots, recordings, false, options, jobs), extra)
}

async function overFarm(
  program: Program,
  wire: WireName,
  farm: Farm,
  extra: readonly string[] = [],
): Promise<FarmLink> {
  try {
    const options = [...farm.linkerOptions, '--distribute-fallback=none', ...extra]
    const command = await linkCommand('dtlto-plain', program, options, `farm-${wire}`)
    const sample = await measure(command)
    const { sentBytes, ...totals } = farm.takeTotals()
    return { sample, totals, sentBytes, command }
  } finally {
    await farm.stop()
  }
}

async function linkWithLlvm(
  program: Program,
  recordings: Recordings,
  slots: number,
  mode: 'record' | 'replay',
): Promise<FarmLink> {
  const args = [join(ROOT, 'bench/farm/llvm-runner.mjs'), recordings.directory, String(slots), mode]
  const extra = [
    `--thinlto-distributor=${process.execPath}`,
    ...args.map((arg) => `--thinlto-distributor-arg=${arg}`),
    `--thinlto-remote-compiler=${findProgram(`clang-${LLVM_MAJOR}`)}`,
  ]
  const command = await linkCommand('stock', program, extra, 'farm-llvm-dtlto')
  const sample = await measure(command)
  const times = new Map((await recordings.times()).map((ms, i) => [String(i), ms]))
  const totals = { ...noTotals(), jobs: times.size, times }
  return { sample, totals, sentBytes: 0, command }
}
