import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openTestFarm, testContext, until } from './testing/context.js'
import { Distccd, whyNoDistccd } from './testing/distccd.js'
import { Program, TestJob } from './testing/program.js'

const skip = whyNoDistccd() ?? false

describe('jobs on real distccd servers', { skip }, () => {
  let program: Program
  let servers: Distccd[] = []

  before(async () => {
    program = new Program()
    servers = await Promise.all([Distccd.start({ jobs: 2 }), Distccd.start({ jobs: 1 })])
  })
  after(async () => {
    program.remove()
    await Promise.all(servers.map((server) => server.stop()))
  })

  const signal = new AbortController().signal
  const addresses = (): string[] => servers.map(({ address }) => address)

  it('gives the bytes of the same clang run here, whatever the names of modules and directories', async () => {
    const { farm, context } = openTestFarm(addresses())
    const results = await Promise.all(program.jobs.map((job) => farm.compile(job, signal)))
    for (const [i, job] of program.jobs.entries()) {
      const result = results[i]
      assert.equal(result?.kind, 'object')
      if (result?.kind !== 'object') continue
      assert.ok(program.compileHere(job).equals(result.object), job.moduleId)
      assert.deepEqual([result.diagnostics, result.stderr], [[], undefined])
      assert.ok(addresses().includes(result.worker ?? ''))
      assert.ok((result.timings.compileMs ?? 0) > 0)
    }
    await farm.close()
    assert.deepEqual([...context.warnings], [])
  })

  for (const target of ['aarch64-unknown-linux-gnu', 'riscv64-unknown-linux-gnu']) {
    it(`compiles for ${target} on servers of another architecture`, async () => {
      const other = new Program({ target })
      const { farm } = openTestFarm(addresses())
      const job = other.jobs[0] as TestJob
      const result = await farm.compile(job, signal)
      assert.ok(result.kind === 'object' && other.compileHere(job).equals(result.object), result.kind)
      await farm.close()
      other.remove()
    })
  }

  it('never has more jobs on a server than the host list gives it slots', async () => {
    const { farm } = openTestFarm([`${servers[0]?.address}/1`])
    let most = 0
    const jobs = Array.from({ length: 8 }, (_, i) => program.job('main.o', i))
    const all = Promise.all(jobs.map((job) => farm.compile(job, signal)))
    const watch = setInterval(() => (most = Math.max(most, farm.status().workers?.[0]?.busy ?? 0)), 1).unref()
    assert.ok((await all).every(({ kind }) => kind === 'object'))
    clearInterval(watch)
    assert.equal(most, 1)
    assert.equal(servers[0]?.compilers().length, 0)
    await farm.close()
  })

  it('learns the number of slots from the statistics port before the first job', async () => {
    const server = servers[1] as Distccd
    const { farm } = openTestFarm([server.address], { 'stats-port': server.statsPort })
    assert.deepEqual([farm.status().slots, farm.status().accepting], [0, false])
    await until(() => farm.status().accepting, 'the server is up')
    assert.equal(farm.status().slots, 1)
    assert.equal(farm.status().text, '1 of 1 servers up')
    await farm.close()
  })

  it('uses all servers at once', async () => {
    const { farm } = openTestFarm(addresses())
    const jobs = Array.from({ length: 8 }, (_, i) => program.job('main.o', i))
    const workers = (await Promise.all(jobs.map((job) => farm.compile(job, signal)))).map((result) =>
      'worker' in result ? result.worker : undefined,
    )
    assert.deepEqual([...new Set(workers)].sort(), addresses().sort())
    await farm.close()
  })

  it('says what does not compile, in the words of clang', async () => {
    const { farm, context } = openTestFarm(addresses())
    const result = await farm.compile(program.job('main.o', 0, ['--no-such-option']), signal)
    assert.deepEqual(result.kind === 'does-not-compile' ? result.diagnostics : result.kind, [
      { severity: 'error', message: `unknown argument: '--no-such-option'` },
    ])
    assert.equal(farm.status().accepting, true)
    await farm.close()
    assert.deepEqual([...context.warnings], [])
  })

  it('passes on that clang cannot express a job, and adds what distcc cannot carry', async () => {
    const { farm } = openTestFarm(addresses())
    const job = program.job('main.o')
    const cannot = { kind: 'cannot', reason: '--lto-O0 has no spelling in clang' } as const
    assert.deepEqual(await farm.compile(new TestJob(0, job.targetTriple, job.clang, cannot), signal), cannot)
    assert.equal((await farm.compile(program.job('main.o', 0, ['-ftime-trace']), signal)).kind, 'cannot')
    await farm.close()
  })

  it('rejects an empty object that clang gives with exit code 0', async () => {
    const { farm, context } = openTestFarm(addresses())
    const { clang, targetTriple } = program.job('main.o')
    const files = clang.files.filter(({ name }) => name === clang.module || name === clang.index)
    const job = new TestJob(0, targetTriple, { ...clang, files, args: clang.args.slice(0, -2) })
    await assert.rejects(farm.compile(job, signal), {
      code: 'DTLTO_OBJECT_REJECTED',
      message: /Error loading imported file/,
    })
    assert.equal(context.warnings.size, 1)
    await farm.close()
  })

  it('lets a job without servers for its target go elsewhere, and says so once', async () => {
    const { farm, context } = openTestFarm([servers[0]?.address ?? ''])
    const { clang } = program.job('main.o', 0, ['--target=nothing-unknown-linux'])
    const job = new TestJob(0, 'nothing-unknown-linux', { ...clang, args: clang.args.slice(0, -2) })
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await farm.compile(job, signal), {
        kind: 'cannot',
        reason: `distcc: no server's compiler has the target 'nothing-unknown-linux'`,
      })
    }
    assert.equal((await farm.compile(program.job('main.o'), signal)).kind, 'object')
    assert.deepEqual([...context.warnings.keys()], [`target:${servers[0]?.address}`])
    await farm.close()
  })

  it('drains on close, takes nothing afterwards, and may be closed and destroyed again', async () => {
    const { farm } = openTestFarm(addresses())
    const running = farm.compile(program.job('main.o'), signal)
    await farm.close()
    assert.equal((await running).kind, 'object')
    await assert.rejects(farm.compile(program.job('main.o'), signal), { code: 'DTLTO_CANCELLED' })
    await farm.close()
    farm.destroy()
    assert.equal(farm.status().accepting, false)
  })

  it('ends everything when the link ends', async () => {
    const link = new AbortController()
    const context = testContext({ signal: link.signal })
    const { farm } = openTestFarm(addresses(), {}, {}, context)
    const jobs = Array.from({ length: 6 }, (_, i) => farm.compile(program.job('main.o', i), signal))
    await until(() => farm.status().busy > 0, 'a job runs')
    link.abort()
    const ends = await Promise.allSettled(jobs)
    assert.ok(
      ends.some((end) => end.status === 'rejected' && (end.reason as { code?: string }).code === 'DTLTO_CANCELLED'),
    )
    assert.equal(farm.status().queued, 0)
  })
})
