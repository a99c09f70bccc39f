import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { FakeCompilers } from './testing/compilers.js'
import { openTestFarm, until } from './testing/context.js'
import { Distccd, whyNoDistccd } from './testing/distccd.js'
import { Program } from './testing/program.js'

/** A server in a network namespace of its own, behind a virtual cable that can be slow, lossy or cut. */
const SPACE = `dtlto-${process.pid}`
const CABLE = `dt${process.pid}`
const NETWORK = `10.213.${process.pid % 250}`

const ip = (...args: string[]): boolean => spawnSync('ip', args, { stdio: 'ignore' }).status === 0
const tc = (...args: string[]): boolean => spawnSync('tc', args, { stdio: 'ignore' }).status === 0

function makeNetwork(): boolean {
  return (
    ip('netns', 'add', SPACE) &&
    ip('link', 'add', CABLE, 'type', 'veth', 'peer', 'name', 'inside', 'netns', SPACE) &&
    ip('addr', 'add', `${NETWORK}.1/24`, 'dev', CABLE) &&
    ip('link', 'set', CABLE, 'up') &&
    ip('-n', SPACE, 'addr', 'add', `${NETWORK}.2/24`, 'dev', 'inside') &&
    ip('-n', SPACE, 'link', 'set', 'inside', 'up') &&
    ip('-n', SPACE, 'link', 'set', 'lo', 'up')
  )
}

function removeNetwork(): void {
  ip('link', 'del', CABLE)
  ip('netns', 'del', SPACE)
}

function whyNoNetwork(): string | false {
  const missing = whyNoDistccd()
  if (missing !== undefined) return missing
  const made = makeNetwork()
  removeNetwork()
  return made ? false : 'network namespaces are not permitted here'
}

describe('a server at the end of a cable', { skip: whyNoNetwork() }, () => {
  const compilers = new FakeCompilers()
  const signal = new AbortController().signal
  let program: Program
  let server: Distccd

  before(async () => {
    assert.ok(makeNetwork())
    program = new Program()
    server = await Distccd.start({
      wrapper: ['ip', 'netns', 'exec', SPACE],
      listen: `${NETWORK}.2`,
      allow: `${NETWORK}.0/24`,
      path: compilers.slow(1),
    })
  })
  after(async () => {
    await server.stop()
    program.remove()
    compilers.remove()
    removeNetwork()
  })

  it('that is cut in the middle of a job costs a bounded time, and is used again when it is mended', async () => {
    const { farm, context } = openTestFarm([server.address], { 'stats-port': server.statsPort })
    await until(() => farm.status().accepting, 'the server is up')
    const job = farm.compile(program.job('main.o'), signal)
    await until(() => server.compilers().length > 0, 'the compiler runs')
    const startMs = performance.now()
    ip('link', 'set', CABLE, 'down')
    await assert.rejects(job, { code: 'DTLTO_DISTRIBUTOR_FAILED' })
    const ms = performance.now() - startMs
    assert.ok(ms < 5000, `${ms} ms`)
    assert.deepEqual([farm.status().accepting, context.warnings.has(`silent:${server.address}`)], [false, true])
    ip('link', 'set', CABLE, 'up')
    await until(() => farm.status().accepting, 'the server is up again')
    assert.equal((await farm.compile(program.job('main.o'), signal)).kind, 'object')
    farm.destroy()
  })

  it('without a statistics port is given up at the deadline', async () => {
    const { farm } = openTestFarm([server.address], { 'job-timeout-ms': 1500 })
    await until(() => farm.status().accepting, 'the server is up')
    const job = farm.compile(program.job('main.o'), signal)
    await until(() => server.compilers().length > 0, 'the compiler runs')
    ip('link', 'set', CABLE, 'down')
    await assert.rejects(job, { code: 'DTLTO_DEADLINE_EXCEEDED' })
    ip('link', 'set', CABLE, 'up')
    farm.destroy()
  })

  it('with delay and loss gives the same bytes', async (t) => {
    if (!tc('qdisc', 'add', 'dev', CABLE, 'root', 'netem', 'delay', '20ms', 'loss', '1%')) {
      t.skip('this kernel has no netem')
      return
    }
    const { farm } = openTestFarm([server.address])
    const job = program.job('main.o')
    const result = await farm.compile(job, signal)
    assert.ok(result.kind === 'object' && program.compileHere(job).equals(result.object))
    farm.destroy()
    tc('qdisc', 'del', 'dev', CABLE, 'root')
  })
})
