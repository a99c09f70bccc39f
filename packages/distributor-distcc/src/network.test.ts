import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { Cable } from './testing/cable.js'
import { FakeCompilers } from './testing/compilers.js'
import { openTest, type TestDistcc, until } from './testing/context.js'
import { Distccd, whyNoDistccd } from './testing/distccd.js'
import { Program } from './testing/program.js'

describe('a server at the end of a cable', { skip: whyNoDistccd() ?? Cable.whyNot() ?? false }, () => {
  const compilers = new FakeCompilers()
  let cable: Cable
  let program: Program
  let server: Distccd
  let test: TestDistcc | undefined

  before(async () => {
    cable = Cable.lay()
    program = new Program()
    const { wrapper, address: listen, network: allow } = cable
    server = await Distccd.start({ wrapper, listen, allow, path: compilers.slow(1) })
  })
  afterEach(() => {
    test?.distcc.destroy()
    cable.mend()
  })
  after(async () => {
    await server.stop()
    program.remove()
    compilers.remove()
    cable.remove()
  })

  const open = async (...args: Parameters<typeof openTest>): Promise<TestDistcc> => {
    test = openTest(...args)
    await test.untilUp()
    return test
  }

  for (const end of ['here', 'there'] as const) {
    for (const statistics of [true, false]) {
      const watched = statistics ? 'with' : 'without'
      it(`that is cut ${end} in the middle of a job, ${watched} statistics, fails its probe, and works again when mended`, async () => {
        const test = await open([server.address], {
          'stats-port': statistics ? server.statsPort : 0,
          'connect-timeout-ms': 200,
        })
        const abort = new AbortController()
        const job = test.compile(program.job('main.o'), 0, abort.signal)
        await until(() => server.compilers().length > 0, 'the compiler runs')
        cable.cut(end)
        await assert.rejects(test.probe(), { code: 'DTLTO_DISTRIBUTOR_FAILED', message: /no sign of life/ })
        abort.abort()
        await assert.rejects(job, { code: 'DTLTO_CANCELLED' })
        cable.mend()
        await test.untilUp()
        assert.equal((await test.compile(program.job('main.o'))).kind, 'object')
      })
    }
  }

  it('that is cut is unreachable for the next job', async () => {
    const test = await open([`${server.address}/2`], { 'connect-timeout-ms': 200 })
    cable.cut('there')
    await assert.rejects(test.compile(program.job('main.o', 1)), { code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE' })
  })

  it('is not given up while it only takes its time', async () => {
    const test = await open([server.address], { 'connect-timeout-ms': 2000 })
    const job = test.compile(program.job('main.o'))
    await until(() => server.compilers().length > 0, 'the compiler runs')
    await test.probe()
    assert.equal((await job).kind, 'object')
  })
})

const POOR = { delayMs: 20, lossPercent: 3 }
const SLOW = { probeTimeoutMs: 30_000, statisticsTimeoutMs: 20_000 }

describe('a server behind a slow wire that loses packets', {
  skip: whyNoDistccd() ?? Cable.whyNot(POOR) ?? false,
}, () => {
  let cable: Cable
  let program: Program
  let server: Distccd
  let test: TestDistcc | undefined

  before(async () => {
    cable = Cable.lay(POOR)
    program = new Program()
    const { wrapper, address: listen, network: allow } = cable
    server = await Distccd.start({ wrapper, listen, allow })
  })
  afterEach(() => test?.distcc.destroy())
  after(async () => {
    await server.stop()
    program.remove()
    cable.remove()
  })

  it('gives the same bytes, and says how long the way is', async () => {
    // A lost packet of a handshake is sent again after a second, the next time after two more.
    const patience = { 'connect-timeout-ms': 20_000 }
    test = openTest([server.address], { ...patience, 'stats-port': server.statsPort }, SLOW)
    await test.probe()
    const job = program.job('main.o')
    // Enough packets that some are lost.
    for (let i = 0; i < 20 || (i < 400 && cable.retransmissions() === 0); i++) {
      const result = await test.compile(job)
      assert.ok(result.kind === 'object' && program.compileLocally(job).equals(result.object))
      // There and back to connect, there for the request.
      assert.ok((result.timings.sendMs ?? 0) >= 2 * POOR.delayMs, `${result.timings.sendMs} ms`)
    }
    assert.ok(cable.retransmissions() > 0, 'no packet was lost')
    assert.deepEqual([...test.context.warnings], [])
  })
})
