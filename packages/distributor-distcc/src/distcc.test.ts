import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openTest, testContext, until } from './testing/context.js'
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

  const addresses = (): string[] => servers.map(({ address }) => address)

  it('give the bytes of the same clang run on this machine, whatever the names of modules and directories', async () => {
    const test = openTest(addresses())
    const results = await Promise.all(program.jobs.map((job, i) => test.compile(job, i % 2)))
    for (const [i, job] of program.jobs.entries()) {
      const result = results[i]
      assert.equal(result?.kind, 'object')
      if (result?.kind !== 'object') continue
      assert.ok(program.compileLocally(job).equals(result.object), job.moduleId)
      assert.deepEqual([result.diagnostics, result.stderr], [[], undefined])
      assert.ok((result.timings.compileMs ?? 0) > 0)
    }
    await test.distcc.close()
    assert.deepEqual([...test.context.warnings], [])
  })

  for (const target of ['aarch64-unknown-linux-gnu', 'riscv64-unknown-linux-gnu']) {
    it(`compile for ${target} on servers of another architecture`, async () => {
      const other = new Program({ target })
      const test = openTest(addresses())
      const job = other.jobs[0] as TestJob
      const result = await test.compile(job)
      assert.ok(result.kind === 'object' && other.compileLocally(job).equals(result.object), result.kind)
      await test.distcc.close()
      other.remove()
    })
  }

  it('need slots: those of the host list, those that the server states, whichever are fewer, four where nobody says', async () => {
    const [server] = servers as [Distccd]
    const slotsOf = async (entry: string, port: number): Promise<number> => {
      const test = openTest([entry], { 'stats-port': port })
      await test.probe()
      const { slots } = test.server()
      await test.distcc.close()
      return slots
    }
    assert.equal(await slotsOf(server.address, 0), 4)
    assert.equal(await slotsOf(`${server.address}/1`, 0), 1)
    assert.equal(await slotsOf(`${server.address}/1`, server.statsPort), 1)
    assert.equal(await slotsOf(`${server.address}/16`, server.statsPort), 2)
    assert.equal(await slotsOf(server.address, server.statsPort), 2)
  })

  it('that do not compile are told of in the words of clang', async () => {
    const test = openTest(addresses())
    const result = await test.compile(program.job('main.o', 0, ['--no-such-option']))
    assert.deepEqual(result.kind === 'does-not-compile' ? result.diagnostics : result.kind, [
      { severity: 'error', message: `unknown argument: '--no-such-option'` },
    ])
    await test.distcc.close()
    assert.deepEqual([...test.context.warnings], [])
  })

  it('that clang or distcc cannot express are not sent', async () => {
    const test = openTest(addresses())
    const job = program.job('main.o')
    const cannot = { kind: 'cannot', reason: '--lto-O0 has no spelling in clang' } as const
    assert.deepEqual(await test.compile(new TestJob(0, job.targetTriple, job.clang, cannot)), cannot)
    assert.equal((await test.compile(program.job('main.o', 0, ['-ftime-trace']))).kind, 'cannot')
    await test.distcc.close()
  })

  it('whose object is empty, although clang ends with exit code 0, are rejected', async () => {
    const test = openTest(addresses())
    const { clang, targetTriple } = program.job('main.o')
    const files = clang.files.filter(({ name }) => name === clang.module || name === clang.index)
    const job = new TestJob(0, targetTriple, { ...clang, files, args: clang.args.slice(0, -2) })
    await assert.rejects(test.compile(job), {
      code: 'DTLTO_OBJECT_REJECTED',
      message: /Error loading imported file/,
    })
    await test.distcc.close()
  })

  it('for a target that a server lacks may go to others, and the user hears of it once', async () => {
    const test = openTest([servers[0]?.address ?? ''])
    const { clang } = program.job('main.o', 0, ['--target=nothing-unknown-linux'])
    const job = new TestJob(0, 'nothing-unknown-linux', { ...clang, args: clang.args.slice(0, -2) })
    for (let i = 0; i < 2; i++) {
      const result = await test.compile(job)
      assert.ok(result.kind === 'cannot' && result.onlyThisEndpoint === true, result.kind)
    }
    assert.equal((await test.compile(program.job('main.o'))).kind, 'object')
    assert.deepEqual([...test.context.warnings.keys()], [`target:${servers[0]?.address}`])
    await test.distcc.close()
  })

  it('are waited for on close, and none is taken afterwards; closing and destroying again does nothing', async () => {
    const test = openTest(addresses())
    const running = test.compile(program.job('main.o'))
    await test.distcc.close()
    assert.equal((await running).kind, 'object')
    await assert.rejects(test.compile(program.job('main.o')), { code: 'DTLTO_CANCELLED' })
    await test.distcc.close()
    test.distcc.destroy()
    assert.equal(test.server().accepting, false)
  })

  it('end when the link ends', async () => {
    const link = new AbortController()
    const test = openTest(addresses(), {}, {}, testContext({ signal: link.signal }))
    const jobs = Array.from({ length: 6 }, (_, i) => test.compile(program.job('main.o', i), i % 2))
    await until(() => servers.some((server) => server.compilers().length > 0), 'a job runs')
    link.abort()
    const ends = await Promise.allSettled(jobs)
    assert.ok(
      ends.some((end) => end.status === 'rejected' && (end.reason as { code?: string }).code === 'DTLTO_CANCELLED'),
    )
  })
})
