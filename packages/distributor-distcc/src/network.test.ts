import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Farm } from './farm.js'
import { Cable } from './testing/cable.js'
import { FakeCompilers } from './testing/compilers.js'
import { openTestFarm, until } from './testing/context.js'
import { Distccd, whyNoDistccd } from './testing/distccd.js'
import { Program } from './testing/program.js'

describe('a server at the end of a cable', { skip: whyNoDistccd() ?? Cable.whyNot() ?? false }, () => {
  const compilers = new FakeCompilers()
  const signal = new AbortController().signal
  let cable: Cable
  let program: Program
  let server: Distccd
  let farm: Farm | undefined

  before(async () => {
    cable = Cable.lay()
    program = new Program()
    const { wrapper, address: listen, network: allow } = cable
    server = await Distccd.start({ wrapper, listen, allow, path: compilers.slow(1) })
  })
  afterEach(() => {
    farm?.destroy()
    cable.mend()
  })
  after(async () => {
    await server.stop()
    program.remove()
    compilers.remove()
    cable.remove()
  })

  const open = async (...args: Parameters<typeof openTestFarm>): Promise<ReturnType<typeof openTestFarm>> => {
    const opened = openTestFarm(...args)
    farm = opened.farm
    await until(() => opened.farm.status().accepting, 'the server is up')
    return opened
  }

  for (const end of ['here', 'there'] as const) {
    for (const statistics of [true, false]) {
      const watched = statistics ? 'with' : 'without'
      it(`that is cut ${end} in the middle of a job, ${watched} statistics, costs a bounded time, and is used again when mended`, async () => {
        const { farm, context } = await open([server.address], {
          'stats-port': statistics ? server.statsPort : 0,
          'connect-timeout-ms': 200,
        })
        const job = farm.compile(program.job('main.o'), signal)
        await until(() => server.compilers().length > 0, 'the compiler runs')
        const startMs = performance.now()
        cable.cut(end)
        await assert.rejects(job, { code: 'DTLTO_DISTRIBUTOR_FAILED' })
        const ms = performance.now() - startMs
        assert.ok(ms < 5000, `${ms} ms`)
        assert.deepEqual([farm.status().accepting, context.warnings.has(`silent:${server.address}`)], [false, true])
        cable.mend()
        await until(() => farm.status().accepting, 'the server is up again')
        assert.equal((await farm.compile(program.job('main.o'), signal)).kind, 'object')
      })
    }
  }

  it('that is cut gives up its jobs although a new one has found it unreachable before', async () => {
    const { farm, context } = await open([`${server.address}/2`], { 'connect-timeout-ms': 200 })
    const first = farm.compile(program.job('main.o'), signal)
    await until(() => server.compilers().length > 0, 'the compiler runs')
    cable.cut('there')
    const second = farm.compile(program.job('main.o', 1), signal)
    await assert.rejects(second, { code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE' })
    assert.equal(context.warnings.has(`unreachable:${server.address}`), true)
    const startMs = performance.now()
    await assert.rejects(first, { code: 'DTLTO_DISTRIBUTOR_FAILED' })
    const ms = performance.now() - startMs
    assert.ok(ms < 5000, `${ms} ms`)
  })

  it('is not given up while it only takes its time', async () => {
    const { farm, context } = await open([server.address], { 'connect-timeout-ms': 200 }, { silenceMs: 200 })
    assert.equal((await farm.compile(program.job('main.o'), signal)).kind, 'object')
    assert.equal(context.warnings.has(`silent:${server.address}`), false)
  })
})

const POOR = { delayMs: 20, lossPercent: 3 }
const SLOW = { probeTimeoutMs: 30_000, statisticsTimeoutMs: 20_000, silenceMs: 30_000 }

describe('a server behind a slow wire that loses packets', {
  skip: whyNoDistccd() ?? Cable.whyNot(POOR) ?? false,
}, () => {
  const signal = new AbortController().signal
  let cable: Cable
  let program: Program
  let server: Distccd
  let farm: Farm | undefined

  before(async () => {
    cable = Cable.lay(POOR)
    program = new Program()
    const { wrapper, address: listen, network: allow } = cable
    server = await Distccd.start({ wrapper, listen, allow })
  })
  afterEach(() => farm?.destroy())
  after(async () => {
    await server.stop()
    program.remove()
    cable.remove()
  })

  it('gives the same bytes, and says how long the way is', async () => {
    // A lost packet of a handshake is sent again after a second, the next time after two more.
    const patience = { 'connect-timeout-ms': 20_000 }
    const opened = openTestFarm([server.address], { ...patience, 'stats-port': server.statsPort }, SLOW)
    farm = opened.farm
    await until(() => opened.farm.status().accepting, 'the server is up')
    const job = program.job('main.o')
    // Enough packets that some are lost.
    for (let i = 0; i < 20; i++) {
      const result = await opened.farm.compile(job, signal)
      assert.ok(result.kind === 'object' && program.compileHere(job).equals(result.object))
      // There and back to connect, there for the request.
      assert.ok((result.timings.sendMs ?? 0) >= 2 * POOR.delayMs, `${result.timings.sendMs} ms`)
    }
    assert.ok((opened.farm.status().latencyMs ?? 0) >= 2 * POOR.delayMs)
    assert.ok(cable.retransmissions() > 0, 'no packet was lost')
    assert.deepEqual([...opened.context.warnings], [])
  })
})
