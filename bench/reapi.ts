/**
 * What does an engine cost the machine that links? Links a real program over buildbox-casd on this machine, with an empty root, first with nothing in its
 * store, then with all results in its action cache; and with stock lld, whose ThinLTO cache has everything, for what a link costs without any backend.
 *
 *     node --import tsx bench/reapi.ts redis|git|ninja [--delays 0,10,30]
 *
 * --delays: the last of them again with wires that take so many milliseconds one way, through a proxy on the same processors.
 * Processor time is that of the linker alone. On a busy machine wall times mean little, and processor times and bytes what they always do.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Casd, whyNoCasd } from '../packages/distributor-reapi/src/testing/casd.js'
import { prepare } from '../test/programs/programs.js'
import { Cable, shape } from './farm/shaped-wire.js'
import type { FarmMachine } from './farm/wire.js'
import { describeMachine, mebibytes, milliseconds, seconds, table } from './format.js'
import { programName } from './program-name.js'
import { linkCommand } from './linkers.js'
import { measure, type Sample } from './measure.js'
import { sameBytes } from './same-bytes.js'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { delays: { type: 'string', default: '' } },
})
const name = programName(positionals[0])
const missing = await whyNoCasd()
if (missing !== undefined) throw new Error(missing)

const program = await prepare(name, console.error)
const scratch = await mkdtemp(join(tmpdir(), 'dtlto-bench-'))
const casd = await Casd.start({ root: 'empty' })
try {
  const trace = join(scratch, 'trace.json')
  const engine = `--distribute=reapi,remote_executor=${casd.address}`
  const options = [engine, '--distribute-fallback=none', `--distribute-trace=${trace}`]
  const stock = await linkCommand('stock', program, [`--thinlto-cache-dir=${join(scratch, 'cache')}`], 'reapi-stock')
  const { argv, ...rest } = await linkCommand('dtlto-plain', program, options, 'reapi')
  const command = { argv, ...rest }

  await measure(stock)
  const rows: [string, Sample, Totals | undefined][] = [['stock lld, all cached', await measure(stock), undefined]]
  rows.push(await measureEngine('engine, nothing there'))
  // Another level of optimisation: modules and toolchain are there, and all jobs are new.
  const others = { ...command, argv: [...command.argv, '--lto-O1'] }
  rows.push(await measureEngine('engine, jobs new, modules and toolchain there', others))
  rows.push(await measureEngine('engine, all in the action cache'))
  for (const delayMs of values.delays.split(',').filter(Boolean).map(Number)) {
    const wire = await wireTo(casd, delayMs)
    const away = command.argv.map((argument) => argument.replace(casd.address, `grpc://127.0.0.1:${wire.port}`))
    rows.push(await measureEngine(`the same, ${2 * delayMs} ms a round trip`, { ...command, argv: away }))
    await wire.stop()
  }
  if (!(await sameBytes(stock.output, command.output))) throw new Error('the outputs differ')

  console.log(`${program.name} ${program.version}, ${await describeMachine()}\n`)
  const header = ['link', 'wall', 'processor time', 'jobs', 'blobs sent', 'bytes sent', 'bytes received', 'peak memory']
  const lines = rows.map(([what, { wallMs, cpuMs, peakBytes }, totals]) => {
    const bytes = totals
      ? [String(totals.jobs), String(totals.blobs), mebibytes(totals.sent), mebibytes(totals.received)]
      : ['', '', '', '']
    return [what, seconds(wallMs), milliseconds(cpuMs), ...bytes, mebibytes(peakBytes)]
  })
  console.log(table(header, lines))

  async function measureEngine(what: string, link = command): Promise<[string, Sample, Totals]> {
    const sample = await measure(link)
    return [what, sample, await readTotals(trace)]
  }
} finally {
  await casd.stop()
  await rm(scratch, { recursive: true, force: true })
}

function wireTo({ address }: Casd, delayMs: number): Promise<FarmMachine> {
  const machine = { port: Number(new URL(address).port), stop: () => Promise.resolve() }
  const unlimited = { out: new Cable(0), back: new Cable(0) }
  return shape(machine, { delayMs, machineMbit: 0, uplinkMbit: 0 }, unlimited)
}

interface Totals {
  readonly jobs: number
  readonly blobs: number
  readonly sent: number
  readonly received: number
}

async function readTotals(trace: string): Promise<Totals> {
  const pattern =
    /reapi: (\d+) jobs executed, (\d+) from the action cache; (\d+) of \d+ blobs sent, (\d+) bytes; (\d+) bytes/
  const numbers = pattern
    .exec(await readFile(trace, 'utf8'))
    ?.slice(1)
    .map(Number)
  if (numbers === undefined) throw new Error(`'${trace}' does not say what was sent`)
  const [executed = 0, cached = 0, blobs = 0, sent = 0, received = 0] = numbers
  return { jobs: executed + cached, blobs, sent, received }
}
