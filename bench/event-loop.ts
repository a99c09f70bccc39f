/**
 * How long does the linker's event loop stand still at a time, while it links over an emulated farm? Distributors, sockets and timers are on it. By the linker itself, which looks every 5 ms
 * when it writes a trace; farm and linker share this machine's processors, so a part of it is waiting for one.
 *
 *     node --import tsx bench/event-loop.ts redis|git|ffmpeg [--wires distcc,worker,reapi] [--slots 32,128] [--rounds 5]
 *
 * The first run over a wire records: a real link, in which every job is compiled.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../scripts/root.mjs'
import { prepare } from '../test/programs/programs.js'
import { wireName } from './farm/farm.js'
import { linkOverFarm, PLAIN_FARM, record } from './farm/farm-link.js'
import { Recordings } from './farm/recordings.js'
import { describeMachine, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { programName } from './program-name.js'
import { median } from './statistics.js'

interface Phase {
  readonly name: string
  readonly cat?: string
  readonly args?: { readonly loopBlockedMs?: number }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    wires: { type: 'string', default: 'distcc,reapi' },
    slots: { type: 'string', default: '32,128' },
    rounds: { type: 'string', default: '5' },
  },
})
const name = programName(positionals[0])
const wires = values.wires.split(',').map((text) => wireName('--wires', text))
const slotCounts = values.slots.split(',').map((text) => positiveInteger('--slots', text))
const rounds = positiveInteger('--rounds', values.rounds)

const program = await prepare(name, console.error)
const scratch = await mkdtemp(join(tmpdir(), 'dtlto-event-loop-'))
try {
  const rows: string[][] = []
  let phases: readonly string[] = []
  for (const wire of wires) {
    const recordings = new Recordings(join(ROOT, 'build/bench/farm', name, wire))
    if (await recordings.isEmpty()) await record(program, wire, recordings)
    for (const slots of slotCounts) {
      const samples: (readonly Phase[])[] = []
      for (let round = 0; round < rounds; round++) {
        console.error(`${wire}, ${String(slots)} slots, round ${String(round + 1)} of ${String(rounds)}`)
        const trace = join(scratch, 'trace.json')
        await linkOverFarm(program, wire, recordings, slots, PLAIN_FARM, [`--distribute-trace=${trace}`])
        samples.push(await phasesOf(trace))
      }
      phases = (samples[0] ?? []).map((phase) => phase.name)
      const blocked = phases.map((_, i) => samples.map((sample) => sample[i]?.args?.loopBlockedMs ?? Infinity))
      rows.push([wire, String(slots), ...blocked.map((ms) => `${String(median(ms))} (${String(Math.max(...ms))})`)])
    }
  }
  console.log(`## ${program.name} ${program.version}: the event loop, blocked at a time, in milliseconds\n`)
  console.log(
    `${await describeMachine()}\n- medians of ${String(rounds)} links of the longest in each (the longest in all)\n`,
  )
  console.log(table(['wire', 'slots', ...phases], rows))
} finally {
  await rm(scratch, { recursive: true, force: true })
}

async function phasesOf(trace: string): Promise<readonly Phase[]> {
  const { traceEvents } = JSON.parse(await readFile(trace, 'utf8')) as { readonly traceEvents: readonly Phase[] }
  return traceEvents.filter(({ cat }) => cat === 'lld')
}
