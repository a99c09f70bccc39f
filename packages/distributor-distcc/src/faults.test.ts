import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CompileResult } from 'dtlto/plugin'
import type { Farm } from './farm.js'
import { FakeCompilers } from './testing/compilers.js'
import { openTestFarm, until } from './testing/context.js'
import { Distccd, type DistccdOptions, freePort, whyNoDistccd } from './testing/distccd.js'
import { Program } from './testing/program.js'
import { Proxy } from './testing/proxy.js'

const skip = whyNoDistccd() ?? false
const signal = new AbortController().signal

describe('faults of real distccd servers', { skip }, () => {
  const compilers = new FakeCompilers()
  const servers: Distccd[] = []
  const proxies: Proxy[] = []
  const farms: Farm[] = []
  let program: Program

  before(() => {
    program = new Program()
  })
  after(() => {
    program.remove()
    compilers.remove()
  })
  afterEach(async () => {
    for (const farm of farms.splice(0)) farm.destroy()
    await Promise.all([...servers.splice(0), ...proxies.splice(0)].map((one) => one.stop()))
  })

  const start = async (options: DistccdOptions = {}): Promise<Distccd> => {
    const server = await Distccd.start(options)
    servers.push(server)
    return server
  }
  const open = (...args: Parameters<typeof openTestFarm>): ReturnType<typeof openTestFarm> => {
    const opened = openTestFarm(...args)
    farms.push(opened.farm)
    return opened
  }
  const compile = (farm: Farm, index = 0): Promise<CompileResult> => farm.compile(program.job('main.o', index), signal)
  /** The error that `compile` rejects with, and after how many milliseconds. */
  const failure = async (result: Promise<CompileResult>): Promise<{ code: unknown; message: string; ms: number }> => {
    const startMs = performance.now()
    try {
      const { kind } = await result
      return { code: `no error but ${kind}`, message: '', ms: performance.now() - startMs }
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string }
      return { code, message, ms: performance.now() - startMs }
    }
  }
  const isUp = (farm: Farm) => (): boolean => farm.status().accepting

  /** Jobs whose compilers run on `server`: what `failure` tells of each. */
  const startJobs = async (farm: Farm, server: Distccd, count = 1): Promise<ReturnType<typeof failure>[]> => {
    await until(isUp(farm), 'the server is up')
    const jobs = Array.from({ length: count }, (_, index) => failure(compile(farm, index)))
    await until(() => server.compilers().length >= count, 'the compilers run')
    return jobs
  }

  it('gives the job back at once when no server can be reached, and uses the server when it has come up', async () => {
    const port = await freePort()
    const { farm, context } = open([`127.0.0.1:${port}`])
    const { code, message, ms } = await failure(compile(farm))
    assert.equal(code, 'DTLTO_DISTRIBUTOR_UNAVAILABLE')
    assert.match(message, /no distcc server takes jobs: '127.0.0.1:\d+' resting: .*ECONNREFUSED/)
    assert.ok(ms < 1000, `${ms} ms`)
    assert.match(
      context.warnings.get(`unreachable:127.0.0.1:${port}`) ?? '',
      /is distccd running there, and TCP port \d+ open/,
    )
    assert.deepEqual([farm.status().accepting, farm.status().slots], [false, 0])
    await start({ port })
    await until(isUp(farm), 'the server is used')
    assert.equal((await compile(farm)).kind, 'object')
    assert.equal(context.warnings.size, 1)
  })

  it('goes on with the other servers when one cannot be reached', async () => {
    const good = await start()
    const { farm, context } = open([`127.0.0.1:${await freePort()}`, good.address])
    const results = await Promise.all([0, 1, 2, 3].map((index) => compile(farm, index)))
    assert.ok(results.every((result) => result.kind === 'object' && result.worker === good.address))
    assert.equal(context.warnings.size, 1)
    assert.equal(farm.status().text, '1 of 2 servers up')
  })

  it('gives a job to another server when its own has gone before it was sent', async () => {
    const [bad, good] = await Promise.all([start(), start({ jobs: 1 })])
    const { farm } = open([bad.address, `${good.address}/1`], {}, { restMs: 5000, maxRestMs: 5000 })
    await until(() => farm.status().text === '2 of 2 servers up', 'both are up')
    await bad.stop()
    const results = await Promise.all([0, 1, 2, 3].map((index) => compile(farm, index)))
    assert.ok(results.every((result) => result.kind === 'object' && result.worker === good.address))
  })

  it('refuses a server with another version of clang, in words that say what to do', async () => {
    const path = compilers.path(
      `$clang "$@" 2>err.txt; code=$?; sed 's/22\\.[0-9]*\\.[0-9]*/21.1.0/g' err.txt >&2; exit $code`,
    )
    const [wrong, good] = await Promise.all([start({ path }), start()])
    const { farm, context } = open([wrong.address, good.address])
    await until(() => context.warnings.size > 0, 'the warning')
    assert.match(
      context.warnings.get(`version:${wrong.address}`) ?? '',
      /its compiler is 21\.1\.0, but the linker is LLVM 22\.\d+\.\d+; install the same LLVM version there/,
    )
    const result = await compile(farm)
    assert.equal(result.kind === 'object' && result.worker, good.address)
    assert.match(farm.status().workers?.[0]?.text ?? '', /^refused: /)
  })

  it('refuses a server whose compiler does not import', async () => {
    const path = compilers.path(`sed -i /-fthinlto-index/d args.rsp; exec $clang "$@"`)
    const server = await start({ path })
    const { farm, context } = open([server.address])
    assert.equal((await failure(compile(farm))).code, 'DTLTO_DISTRIBUTOR_UNAVAILABLE')
    assert.match(context.warnings.get(`thinlto:${server.address}`) ?? '', /does not import across modules/)
  })

  it('tells a compiler that is not installed from one that is not allowed and from a client that is not', async () => {
    const missing = await start({ path: '/nonexistent' })
    const notAllowed = await start()
    const denied = await start({ allow: '10.255.0.1' })
    const { farm, context } = open([missing.address, `${notAllowed.address},compiler=clang-99`, denied.address])
    assert.equal((await failure(compile(farm))).code, 'DTLTO_DISTRIBUTOR_UNAVAILABLE')
    const warning = (kind: string, { address }: Distccd): string => context.warnings.get(`${kind}:${address}`) ?? ''
    assert.match(
      warning('compiler', missing),
      /is not installed there.*install 'clang-22' there, run 'update-distcc-symlinks'/,
    )
    assert.match(warning('compiler', notAllowed), /without an answer.*install 'clang-99' there/)
    assert.match(warning('denied', denied), /allow this machine there/)
  })

  it('loses a job with its serving process, and only that job', async () => {
    const server = await start({ path: compilers.slow(0.7), jobs: 1 })
    const { farm, context } = open([`${server.address}/1`])
    const jobs = await startJobs(farm, server)
    server.signalChildren('SIGKILL')
    const [{ code, ms }] = (await Promise.all(jobs)) as [Awaited<ReturnType<typeof failure>>]
    assert.equal(code, 'DTLTO_DISTRIBUTOR_FAILED')
    // The orphaned compiler keeps the connection open until it ends.
    assert.ok(ms < 3000, `${ms} ms`)
    await until(isUp(farm), 'distccd has started another process')
    assert.equal((await compile(farm)).kind, 'object')
    assert.deepEqual([...context.warnings.keys()], [`lost:${server.address}`])
  })

  it('loses jobs with the whole server, rests it, and uses it again when it was restarted', async () => {
    const server = await start({ path: compilers.slow(0.5) })
    const { farm } = open([server.address])
    const jobs = await startJobs(farm, server, 2)
    server.signalAll('SIGKILL')
    for (const { code, ms } of await Promise.all(jobs)) {
      assert.equal(code, 'DTLTO_DISTRIBUTOR_FAILED')
      assert.ok(ms < 3000, `${ms} ms`)
    }
    assert.equal(farm.status().accepting, false)
    await start({ port: server.port })
    await until(isUp(farm), 'the restarted server is up')
    assert.equal((await compile(farm)).kind, 'object')
  })

  it('gives jobs of a stopped server up when its statistics are silent, long before the deadline', async () => {
    const server = await start({ path: compilers.slow(30) })
    const { farm, context } = open([server.address], { 'stats-port': server.statsPort })
    const jobs = await startJobs(farm, server)
    server.signalAll('SIGSTOP')
    const [{ code, ms }] = (await Promise.all(jobs)) as [Awaited<ReturnType<typeof failure>>]
    assert.equal(code, 'DTLTO_DISTRIBUTOR_FAILED')
    assert.ok(ms < 5000, `${ms} ms`)
    assert.match(context.warnings.get(`silent:${server.address}`) ?? '', /no sign of life/)
    assert.equal(farm.status().accepting, false)
  })

  it('watches the statistics of a server also after it has rested', async () => {
    const server = await start({ path: compilers.slow(30) })
    const { farm, context } = open([server.address], { 'stats-port': server.statsPort })
    const [lost] = await startJobs(farm, server)
    server.signalCompilers('SIGKILL')
    assert.equal((await lost)?.code, 'DTLTO_DISTRIBUTOR_FAILED')
    assert.ok(context.warnings.has(`lost:${server.address}`))
    await until(isUp(farm), 'the server was probed again')
    const [job] = await startJobs(farm, server)
    server.signalAll('SIGSTOP')
    const { code, ms } = (await job) as Awaited<ReturnType<typeof failure>>
    assert.equal(code, 'DTLTO_DISTRIBUTOR_FAILED')
    assert.ok(ms < 5000, `${ms} ms`)
    assert.ok(context.warnings.has(`silent:${server.address}`))
  })

  it('does not wait for what the compilers of a killed server still do', async () => {
    const server = await start({ path: compilers.slow(30) })
    const { farm, context } = open([server.address])
    const [job] = await startJobs(farm, server)
    server.signalAll('SIGKILL')
    const { code, ms } = (await job) as Awaited<ReturnType<typeof failure>>
    assert.equal(code, 'DTLTO_DISTRIBUTOR_FAILED')
    assert.ok(ms < 5000, `${ms} ms`)
    assert.ok(context.warnings.has(`silent:${server.address}`))
  })

  it('keeps waiting for a stopped server without statistics: it may go on', async () => {
    const server = await start({ path: compilers.slow(1) })
    const { farm, context } = open([server.address], {}, { silenceMs: 100 })
    await until(isUp(farm), 'the server is up')
    const job = compile(farm)
    await until(() => server.compilers().length > 0, 'the compiler runs')
    server.signalAll('SIGSTOP')
    // Ten looks, each of which would be enough to give it up.
    await sleep(1000)
    server.signalAll('SIGCONT')
    assert.equal((await job).kind, 'object')
    assert.equal(context.warnings.size, 0)
  })

  it('gives a job up at its deadline, and rests the server', async () => {
    const server = await start({ path: compilers.slow(30) })
    const { farm, context } = open([server.address], { 'job-timeout-ms': 600 })
    const { code, ms } = await failure(compile(farm))
    assert.equal(code, 'DTLTO_DEADLINE_EXCEEDED')
    assert.ok(ms > 500 && ms < 2500, `${ms} ms`)
    assert.match(context.warnings.get(`deadline:${server.address}`) ?? '', /no complete answer within 600 ms/)
    await until(() => server.compilers().length === 0, 'the server has stopped the compiler')
  })

  it('takes a killed compiler and the time limit of a server for trouble of the server', async () => {
    const killed = await start({ path: compilers.path(`grep -q main.bc args.rsp && exec $clang "$@"; kill -9 $$`) })
    const { farm } = open([killed.address])
    const first = await failure(compile(farm))
    assert.deepEqual([first.code, /killed by signal 9/.test(first.message)], ['DTLTO_DISTRIBUTOR_FAILED', true])

    const limited = await start({ path: compilers.slow(30), jobLifetimeSeconds: 1 })
    const second = await failure(compile(open([limited.address]).farm))
    assert.deepEqual([second.code, /time limit/.test(second.message)], ['DTLTO_DISTRIBUTOR_FAILED', true])
  })

  it('takes a full disk for trouble of the server, although clang reports it as an error', async () => {
    const script = `grep -q main.bc args.rsp && exec $clang "$@"; echo 'fatal error: error in backend: IO failure on output stream: No space left on device' >&2; exit 1`
    const server = await start({ path: compilers.path(script) })
    const { code, message } = await failure(compile(open([server.address]).farm))
    assert.equal(code, 'DTLTO_DISTRIBUTOR_FAILED')
    assert.match(message, /No space left on device/)
  })

  it('takes no object whose compiler printed something, and after three in a row not the server either', async () => {
    const noise = 'bash: warning: setlocale: LC_ALL: cannot change locale (xx_XX)'
    const noisy = await start({ path: compilers.path(`echo '${noise}' >&2; exec $clang "$@"`) })
    const { farm, context } = open([noisy.address])
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await compile(farm), {
        kind: 'cannot',
        reason: `distcc: the compiler of '${noisy.address}' printed '${noise}'`,
      })
    }
    assert.equal((await failure(compile(farm))).code, 'DTLTO_DISTRIBUTOR_UNAVAILABLE')
    assert.deepEqual([...context.warnings.keys()], [`spoke:${noisy.address}`])
  })

  it('says nothing of diagnostics about modules, and goes on as long as some have none', async () => {
    const script = `grep -q 'w2' args.rsp && echo 'warning: main.o: w [-Wx]' >&2; exec $clang "$@"`
    const server = await start({ path: compilers.path(script) })
    const { farm, context } = open([server.address])
    for (let i = 0; i < 8; i++) {
      const warns = i % 3 !== 2
      const job = program.job('main.o', i, warns ? ['-DX=w2'] : [])
      assert.equal((await farm.compile(job, signal)).kind, warns ? 'cannot' : 'object', `job ${i}`)
    }
    assert.deepEqual([...context.warnings], [])
  })

  it('does not read the text of a compiler that prints without end', async () => {
    const server = await start({
      path: compilers.path(`grep -q main.bc args.rsp || yes | head -c 100000000 >&2; exec $clang "$@"`),
    })
    const { farm } = open([server.address])
    const result = await compile(farm)
    assert.match(result.kind === 'cannot' ? result.reason : result.kind, /printed 'more text than is read'/)
  })

  it('stops the compiler on the server when a job is aborted', async () => {
    const server = await start({ path: compilers.slow(30) })
    const { farm, context } = open([server.address])
    await until(isUp(farm), 'the server is up')
    const abort = new AbortController()
    const job = failure(farm.compile(program.job('main.o'), abort.signal))
    await until(() => server.compilers().length > 0, 'the compiler runs')
    abort.abort()
    const { code, ms } = await job
    assert.deepEqual([code, ms < 1000], ['DTLTO_CANCELLED', true])
    await until(() => server.compilers().length === 0, 'the compiler is gone', 3000)
    await until(() => farm.status().busy === 0, 'the slot is free')
    assert.deepEqual([farm.status().accepting, context.warnings.size], [true, 0])
  })

  it('never gives an object from an answer that was cut off, wherever', async () => {
    const server = await start()
    const proxy = await Proxy.to(server.port)
    proxies.push(proxy)
    const { farm } = open([proxy.address], {}, { restMs: 1, maxRestMs: 1 })
    await until(isUp(farm), 'the server is up')
    for (const keep of [0, 5, 12, 30, 40, 64, 300]) {
      proxy.meddle = (chunk, offset) => (offset >= keep ? undefined : chunk.subarray(0, keep - offset))
      const cut = failure(compile(farm))
      await until(() => farm.status().busy === 1, 'the job is sent')
      const { code, ms } = await cut
      assert.deepEqual([code, ms < 2000], ['DTLTO_DISTRIBUTOR_FAILED', true], `after ${keep} bytes: ${ms} ms`)
      proxy.meddle = (chunk) => chunk
      await until(isUp(farm), 'the server was probed again')
    }
    assert.equal((await compile(farm)).kind, 'object')
  })

  it('never gives an object from an answer whose structure was damaged', async () => {
    const server = await start()
    const proxy = await Proxy.to(server.port)
    proxies.push(proxy)
    const { farm } = open([proxy.address], {}, { restMs: 1, maxRestMs: 1 })
    await until(isUp(farm), 'the server is up')
    // The tokens, then the first bytes of the object's LZO block, and with it the ELF magic.
    for (const at of [0, 3, 11, 12, 20, 24, 36, 48, 61, 62]) {
      proxy.meddle = (chunk, offset) => {
        const bad = Buffer.from(chunk)
        if (at >= offset && at < offset + bad.length) bad[at - offset] = (bad[at - offset] as number) ^ 0x55
        return bad
      }
      const { code } = await failure(farm.compile(program.job('main.o'), AbortSignal.timeout(4000)))
      assert.match(String(code), /^DTLTO_(DISTRIBUTOR_FAILED|OBJECT_REJECTED|CANCELLED)$/, `byte ${at}`)
      proxy.meddle = (chunk) => chunk
      await until(isUp(farm), 'the server was probed again')
    }
    assert.equal((await compile(farm)).kind, 'object')
  })

  it('gives the same bytes over a slow line, and tells its latency', async () => {
    const server = await start()
    const proxy = await Proxy.to(server.port)
    proxies.push(proxy)
    proxy.delayMs = 100
    const { farm } = open([proxy.address])
    const job = program.job('main.o')
    const result = await farm.compile(job, signal)
    assert.ok(result.kind === 'object' && program.compileHere(job).equals(result.object))
    assert.ok((result.timings.compileMs ?? 0) > 200)
    assert.equal(typeof farm.status().latencyMs, 'number')
  })

  it('takes another protocol on the port for garbage, without hanging', async () => {
    const server = await start()
    const { farm, context } = open([`127.0.0.1:${server.statsPort}`])
    const { code, ms } = await failure(compile(farm))
    assert.deepEqual([code, ms < 2000], ['DTLTO_DISTRIBUTOR_UNAVAILABLE', true])
    assert.match(
      [...context.warnings.values()].join(),
      /not an answer of distccd: expected a DONE token but received "HTTP/,
    )
  })
})
