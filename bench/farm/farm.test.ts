import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { compile, DTLTO, must, STOCK } from '../../test/link/toolchain.js'
import { Farm, type FarmOptions, WIRES, type WireName } from './farm.js'
import { PLAIN_FARM } from './farm-link.js'
import { Recordings } from './recordings.js'
import { boundMs } from './slots.js'

const MODULES = 6
const PLAIN: FarmOptions = { ...PLAIN_FARM, slotsOfAMachine: 2 }

describe('an emulated farm', () => {
  let cwd = ''
  let objects: string[] = []

  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-farm-test-'))
    const source = (i: number): string =>
      `int f${i + 1}(int); int f${i}(int x) { return x > ${i} ? f${i + 1}(x - 1) * ${i + 2} : x; }\n`
    objects = compile(cwd, Object.fromEntries(Array.from({ length: MODULES }, (_, i) => [`m${i}.c`, source(i)])), [
      '-fPIC',
    ])
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
  })
  after(() => rmSync(cwd, { recursive: true, force: true }))

  async function link(wire: WireName, recordings: Recordings, isRecording: boolean, options: FarmOptions) {
    const farm = await Farm.start(wire, 4, recordings, isRecording, options, MODULES)
    try {
      // The farm is in this process: nothing may block it.
      const args = ['-shared', ...objects, '-o', 'out', '--distribute-fallback=none', ...farm.linkerOptions]
      const child = spawn(DTLTO, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
      const [exitCode] = (await once(child, 'close')) as [number | null]
      assert.equal(exitCode, 0)
      assert.ok(
        readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))),
        'the output is not stock lld’s',
      )
      return { ...farm.takeTotals(), killed: farm.killed }
    } finally {
      await farm.stop()
    }
  }

  for (const wire of Object.keys(WIRES) as WireName[]) {
    it(`links over ${wire} from recorded answers`, async () => {
      const recordings = new Recordings(join(cwd, `recorded-${wire}`))
      assert.equal((await link(wire, recordings, true, PLAIN)).times.size, MODULES)
      const totals = await link(wire, recordings, false, PLAIN)
      // A job may be hedged, and is one all the same.
      assert.equal(totals.times.size, MODULES)
      assert.ok(totals.jobs >= MODULES)
      assert.ok(totals.sentBytes > 0)
      const [all, longest] = [boundMs(totals, 1), boundMs(totals, Infinity)]
      assert.ok(0 < longest && longest < all)
      const far = { ...PLAIN, speed: { delayMs: 5, machineMbit: 2000, uplinkMbit: 4000 } }
      assert.equal((await link(wire, recordings, false, far)).times.size, MODULES)
    })
  }

  it('survives a machine that is killed', async () => {
    const recordings = new Recordings(join(cwd, 'recorded-distcc'))
    const { killed } = await link('distcc', recordings, false, { ...PLAIN, killedMachines: 1 })
    assert.equal(killed, 1)
  })
})
