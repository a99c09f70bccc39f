/**
 * Real programs over stock distccd. A usual run links a part of the matrix; with DTLTO_TEST_FULL=1 all of it, which takes
 * many times longer, most of it for git.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Cable, type WireFaults } from '../../packages/distributor-distcc/src/testing/cable.js'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { DTLTO, STOCK } from '../link/toolchain.js'
import { checkProgram, prepare, type Program, type ProgramName } from '../programs/programs.js'
import { run, tryRun } from '../programs/run.js'

/** A number of servers with two slots each, and what is special about them. */
interface Farm {
  readonly servers: number
  /** This machine's own threads take jobs beside them. */
  readonly local?: true
  /** Each server is behind a wire of its own that has these faults. */
  readonly wires?: WireFaults
}

const FARMS: readonly Farm[] = [
  { servers: 1 },
  { servers: 2 },
  { servers: 4 },
  { servers: 2, local: true },
  { servers: 2, wires: { delayMs: 10, lossPercent: 1 } },
]
const MATRIX: Readonly<Record<ProgramName, readonly Farm[]>> =
  process.env['DTLTO_TEST_FULL'] === '1'
    ? { ninja: FARMS, redis: FARMS, git: FARMS, ffmpeg: [{ servers: 2 }] }
    : { ninja: FARMS, redis: [], git: [], ffmpeg: [] }

for (const name of Object.keys(MATRIX) as ProgramName[]) {
  if (MATRIX[name].length === 0) continue
  describe(`${name} over stock distccd`, { skip: whyNoDistccd() }, () => {
    const servers: Distccd[] = []
    const cables: Cable[] = []
    let directory = ''
    let stock = ''
    let program: Program

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'dtlto-distcc-'))
      program = await prepare(name)
      stock = join(directory, 'stock')
      await run(STOCK, [...program.linkArgs, '-o', stock], { cwd: program.directory })
    })
    afterEach(async () => {
      await Promise.all(servers.splice(0).map((server) => server.stop()))
      for (const cable of cables.splice(0)) cable.remove()
    })
    after(() => rm(directory, { recursive: true, force: true }))

    for (const farm of MATRIX[name]) {
      const { servers: count, local, wires } = farm
      test(`has the bytes of stock lld, and works, with ${titleOf(farm)}`, {
        skip: wires && Cable.whyNot(wires),
      }, async () => {
        for (let i = 0; i < count; i++) {
          const cable = wires && Cable.lay(wires)
          if (cable !== undefined) cables.push(cable)
          const place = cable && { wrapper: cable.wrapper, listen: cable.address, allow: cable.network }
          servers.push(await Distccd.start({ jobs: 2, stats: false, ...place }))
        }
        const hosts = servers.map(({ address }) => `${address}/2`).join('+')
        const output = join(directory, 'out')
        const options = [
          `--distribute=distcc,stats-port=0,hosts=${hosts}`,
          ...(local ? ['--distribute=local'] : []),
          '--distribute-fallback=none',
        ]
        const args = [...program.linkArgs, '-o', output, ...options]
        const ran = await tryRun(DTLTO, args, { cwd: program.directory })
        assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
        assert.ok(readFileSync(output).equals(readFileSync(stock)), `${output} differs from ${stock}`)
        await checkProgram(program, output)
        await rm(output)
        for (const cable of cables) assert.ok(cable.retransmissions() > 0, 'a wire has lost no packet')
      })
    }
  })
}

function titleOf({ servers, local, wires }: Farm): string {
  const where = wires ? `, each behind a wire that delays by ${wires.delayMs} ms and loses ${wires.lossPercent} %` : ''
  return `${servers} server(s)${where} ${local ? 'and threads of this machine' : 'and no other help'}`
}
