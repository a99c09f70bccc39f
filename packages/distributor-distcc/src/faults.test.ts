import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakeCompilers } from './testing/compilers.js'
import { openTest, type TestDistcc, until } from './testing/context.js'
import { Distccd, type DistccdOptions, freePort, whyNoDistccd } from './testing/distccd.js'
import { Program } from './testing/program.js'
import { Proxy } from './testing/proxy.js'
import { LLVM } from './testing/llvm.js'

const skip = whyNoDistccd() ?? false

describe('faults of real distccd servers', { skip }, () => {
  const compilers = new FakeCompilers()
  const servers: Distccd[] = []
  const proxies: Proxy[] = []
  const tests: TestDistcc[] = []
  let program: Program

  before(() => {
    program = new Program()
  })
  after(() => {
    program.remove()
    compilers.remove()
  })
  afterEach(async () => {
    for (const { distcc } of tests.splice(0)) distcc.destroy()
    await Promise.all([...servers.splice(0), ...proxies.splice(0)].map((one) => one.stop()))
  })

  const start = async (options: DistccdOptions = {}): Promise<Distccd> => {
    const server = await Distccd.start(options)
    servers.push(server)
    return server
  }
  const open = (...args: Parameters<typeof openTest>): TestDistcc => {
    const opened = openTest(...args)
    tests.push(opened)
    return opened
  }
  /** The error that a promise rejects with. */
  const failure = async (result: Promise<unknown>): Promise<{ code: unknown; message: string }> => {
    try {
      await result
      return { code: 'no error', message: '' }
    } catch (error) {
      return error as { code: unknown; message: string }
    }
  }
  const compile = (test: TestDistcc, index = 0, signal?: AbortSignal): ReturnType<TestDistcc['compile']> =>
    test.compile(program.job('main.o', index), 0, signal)

  /** Jobs whose compilers run on `server`: what `failure` tells of each. */
  const startJobs = async (test: TestDistcc, server: Distccd, count = 1): Promise<ReturnType<typeof failure>[]> => {
    await test.probe()
    const jobs = Array.from({ length: count }, (_, index) => failure(compile(test, index)))
    await until(() => server.compilers().length >= count, 'the compilers run')
    return jobs
  }

  it('a server that cannot be reached fails its probe and its jobs at once, and works when it has come up', async () => {
    const port = await freePort()
    const test = open([`127.0.0.1:${port}`])
    const unreachable = {
      code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE',
      message: /ECONNREFUSED.*is distccd running there, and TCP port \d+ open/,
    }
    await assert.rejects(test.probe(), unreachable)
    await assert.rejects(compile(test), unreachable)
    await start({ port })
    await test.probe()
    assert.equal((await compile(test)).kind, 'object')
    assert.equal(test.context.warnings.size, 0, 'the scheduler warns')
  })

  it('a server with another version of clang is refused, in words that say what to do', async () => {
    const path = compilers.path(
      `$clang "$@" 2>err.txt; code=$?; sed 's/${LLVM}\\.[0-9]*\\.[0-9]*/21.1.0/g' err.txt >&2; exit $code`,
    )
    const wrong = await start({ path })
    await assert.rejects(open([wrong.address]).probe(), {
      code: 'DTLTO_ENDPOINT_REFUSED',
      message: /its compiler is 21\.1\.0, but the linker is LLVM \d+\.\d+\.\d+; install the same LLVM version there/,
    })
  })

  it('a server whose compiler does not import is refused', async () => {
    const path = compilers.path(`sed -i /-fthinlto-index/d args.rsp; exec $clang "$@"`)
    const server = await start({ path })
    await assert.rejects(open([server.address]).probe(), {
      code: 'DTLTO_ENDPOINT_REFUSED',
      message: /does not import across modules/,
    })
  })

  it('a compiler that is not installed is told from one that is not allowed and from a client that is not', async () => {
    const missing = await start({ path: '/nonexistent' })
    const notAllowed = await start()
    const denied = await start({ allow: '10.255.0.1' })
    const test = open([missing.address, `${notAllowed.address},compiler=clang-99`, denied.address])
    await assert.rejects(test.probe(0), {
      code: 'DTLTO_ENDPOINT_REFUSED',
      message: /is not installed there.*install 'clang-\d+' there, run 'update-distcc-symlinks'/,
    })
    await assert.rejects(test.probe(1), {
      code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE',
      message: /without an answer.*install 'clang-99' there/,
    })
    await assert.rejects(test.probe(2), { code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE', message: /allow this machine there/ })
  })

  it('a job is lost with its serving process, and only that job', async () => {
    const server = await start({ path: compilers.slow(0.7), jobs: 1 })
    const test = open([`${server.address}/1`])
    const [job] = await startJobs(test, server)
    server.signalChildren('SIGKILL')
    assert.equal((await job)?.code, 'DTLTO_DISTRIBUTOR_FAILED')
    // The orphaned compiler keeps the connection open until it ends; distccd then starts another process.
    await test.probe()
    assert.equal((await compile(test)).kind, 'object')
  })

  it('jobs are lost with the whole server, which works again when it was restarted', async () => {
    const server = await start({ path: compilers.slow(0.5) })
    const test = open([server.address])
    const jobs = await startJobs(test, server, 2)
    const again = await server.restart()
    servers.splice(servers.indexOf(server), 1, again)
    for (const job of jobs) assert.equal((await job).code, 'DTLTO_DISTRIBUTOR_FAILED')
    await test.probe()
    assert.equal((await compile(test)).kind, 'object')
  })

  it('a server that is stopped fails its probe, with its statistics as well as with a job', async () => {
    const server = await start({ path: compilers.slow(30) })
    const test = open([server.address], { 'stats-port': server.statsPort }, { probeTimeoutMs: 500 })
    const [job] = await startJobs(test, server)
    server.signalAll('SIGSTOP')
    await assert.rejects(test.probe(), { code: 'DTLTO_DISTRIBUTOR_FAILED', message: /no sign of life/ })
    test.distcc.destroy()
    assert.equal((await job)?.code, 'DTLTO_CANCELLED')
    await assert.rejects(open([server.address], {}, { probeTimeoutMs: 500 }).probe(), {
      code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE',
      message: /no complete answer within 500 ms/,
    })
  })

  it('what the compilers of a killed server still do does not hide that the server is gone', async () => {
    const server = await start({ path: compilers.slow(30) })
    const test = open([server.address])
    const [job] = await startJobs(test, server)
    server.signalAll('SIGKILL')
    await until(() => server.children().length === 0, 'its processes are gone')
    let failed = await failure(test.probe())
    // The killed processes' listening socket may outlive them for a moment.
    while (failed.code === 'no error') failed = await failure(test.probe())
    assert.deepEqual([failed.code, /no sign of life/.test(failed.message)], ['DTLTO_DISTRIBUTOR_FAILED', true])
    test.distcc.destroy()
    assert.equal((await job)?.code, 'DTLTO_CANCELLED')
  })

  it('a stopped server without statistics is not given up by a probe as long as it has jobs: it may go on', async () => {
    const server = await start({ path: compilers.slow(1) })
    const test = open([server.address])
    const [job] = await startJobs(test, server)
    server.signalAll('SIGSTOP')
    for (let look = 0; look < 10; look++) {
      await test.probe()
      await sleep(100)
    }
    server.signalAll('SIGCONT')
    assert.equal((await job)?.code, 'no error')
    assert.equal(test.context.warnings.size, 0)
  })

  it('a job is given up at its time limit', async () => {
    const server = await start({ path: compilers.slow(30) })
    const test = open([server.address], { 'job-timeout-ms': 600 })
    await assert.rejects(compile(test), {
      code: 'DTLTO_DEADLINE_EXCEEDED',
      message: /no complete answer within 600 ms/,
    })
    assert.equal(test.server().deadlineMs, 600)
    await until(() => server.compilers().length === 0, 'the server has stopped the compiler')
  })

  it('a killed compiler and the time limit of a server are trouble of the server', async () => {
    const killed = await start({ path: compilers.path(`grep -q main.bc args.rsp && exec $clang "$@"; kill -9 $$`) })
    await assert.rejects(compile(open([killed.address])), {
      code: 'DTLTO_DISTRIBUTOR_FAILED',
      message: /killed by signal 9/,
    })
    const limited = await start({ path: compilers.slow(30), jobLifetimeSeconds: 1 })
    await assert.rejects(compile(open([limited.address])), { code: 'DTLTO_DISTRIBUTOR_FAILED', message: /time limit/ })
  })

  it('a full disk is trouble of the server, although clang reports it as an error', async () => {
    const script = `grep -q main.bc args.rsp && exec $clang "$@"; echo 'fatal error: error in backend: IO failure on output stream: No space left on device' >&2; exit 1`
    const server = await start({ path: compilers.path(script) })
    await assert.rejects(compile(open([server.address])), {
      code: 'DTLTO_DISTRIBUTOR_FAILED',
      message: /No space left on device/,
    })
  })

  it('an object whose compiler printed something is not taken, and after three in a row not the server either', async () => {
    const noise = 'bash: warning: setlocale: LC_ALL: cannot change locale (xx_XX)'
    const noisy = await start({ path: compilers.path(`echo '${noise}' >&2; exec $clang "$@"`) })
    const test = open([noisy.address])
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await compile(test), {
        kind: 'cannot',
        reason: `distcc: the compiler of '${noisy.address}' printed '${noise}'`,
      })
    }
    await assert.rejects(compile(test), { code: 'DTLTO_ENDPOINT_REFUSED', message: /the 3rd time in a row/ })
    assert.equal(test.context.warnings.size, 0, 'the scheduler warns')
  })

  it('diagnostics about modules are not told of, and the server goes on as long as some have none', async () => {
    const script = `grep -q 'w2' args.rsp && echo 'warning: main.o: w [-Wx]' >&2; exec $clang "$@"`
    const server = await start({ path: compilers.path(script) })
    const test = open([server.address])
    for (let i = 0; i < 8; i++) {
      const warns = i % 3 !== 2
      const job = program.job('main.o', i, warns ? ['-DX=w2'] : [])
      assert.equal((await test.compile(job)).kind, warns ? 'cannot' : 'object', `job ${i}`)
    }
    assert.deepEqual([...test.context.warnings], [])
  })

  it('the text of a compiler that prints without end is not read', async () => {
    const server = await start({
      path: compilers.path(`grep -q main.bc args.rsp || yes | head -c 100000000 >&2; exec $clang "$@"`),
    })
    const result = await compile(open([server.address]))
    assert.match(result.kind === 'cannot' ? result.reason : result.kind, /printed 'more text than is read'/)
  })

  it('the compiler on the server is stopped when a job is aborted', async () => {
    const server = await start({ path: compilers.slow(30) })
    const test = open([server.address])
    await test.probe()
    const abort = new AbortController()
    const job = failure(compile(test, 0, abort.signal))
    await until(() => server.compilers().length > 0, 'the compiler runs')
    abort.abort()
    assert.equal((await job).code, 'DTLTO_CANCELLED')
    await until(() => server.compilers().length === 0, 'the compiler is gone', 3000)
    assert.deepEqual([test.server().accepting, test.context.warnings.size], [true, 0])
  })

  it('an answer that was cut off, wherever, gives no object', async () => {
    const server = await start()
    const proxy = await Proxy.to(server.port)
    proxies.push(proxy)
    const test = open([proxy.address])
    await test.probe()
    for (const keep of [0, 5, 12, 30, 40, 64, 300]) {
      proxy.meddle = (chunk, offset) => (offset >= keep ? undefined : chunk.subarray(0, keep - offset))
      assert.equal((await failure(compile(test))).code, 'DTLTO_DISTRIBUTOR_FAILED', `after ${keep} bytes`)
      proxy.meddle = (chunk) => chunk
      await test.probe()
    }
    assert.equal((await compile(test)).kind, 'object')
  })

  it('an answer whose structure was damaged gives no object', async () => {
    const server = await start()
    const proxy = await Proxy.to(server.port)
    proxies.push(proxy)
    const test = open([proxy.address])
    await test.probe()
    // The tokens, then the first bytes of the object's LZO block, and with it the ELF magic.
    for (const at of [0, 3, 11, 12, 20, 24, 36, 48, 61, 62]) {
      proxy.meddle = (chunk, offset) => {
        const bad = Buffer.from(chunk)
        if (at >= offset && at < offset + bad.length) bad[at - offset] = (bad[at - offset] as number) ^ 0x55
        return bad
      }
      const { code } = await failure(compile(test, 0, AbortSignal.timeout(4000)))
      assert.match(String(code), /^DTLTO_(DISTRIBUTOR_FAILED|OBJECT_REJECTED|CANCELLED)$/, `byte ${at}`)
      proxy.meddle = (chunk) => chunk
      await test.probe()
    }
    assert.equal((await compile(test)).kind, 'object')
  })

  it('a slow line gives the same bytes, and its time is told', async () => {
    const server = await start()
    const proxy = await Proxy.to(server.port)
    proxies.push(proxy)
    proxy.delayMs = 100
    const job = program.job('main.o')
    const result = await open([proxy.address]).compile(job)
    assert.ok(result.kind === 'object' && program.compileLocally(job).equals(result.object))
    assert.ok((result.timings.compileMs ?? 0) > 200)
  })

  it('another protocol on the port is garbage, without hanging', async () => {
    const server = await start()
    await assert.rejects(open([`127.0.0.1:${server.statsPort}`]).probe(), {
      code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE',
      message: /not an answer of distccd: expected a DONE token but received "HTTP/,
    })
  })
})
