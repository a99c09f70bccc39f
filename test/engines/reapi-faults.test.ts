/** Engines as they really are, one way of theirs a test: the link has stock lld's bytes, from this engine alone, with no more work than it takes. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import type {
  Digest,
  OutputFile,
} from '../../packages/distributor-reapi/src/generated/build/bazel/remote/execution/v2/remote_execution.js'
import { FakeEngine, type Faults } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { DistccLink, type TimedRun } from './distcc-link.js'

const MODULES = 5

describe('a whole link over an engine that', () => {
  let program: DistccLink
  let engine: FakeEngine | undefined
  before(() => {
    program = new DistccLink(MODULES - 1, 1)
  })
  afterEach(() => engine?.stop())
  after(() => program.remove())

  const start = async (faults: Faults): Promise<FakeEngine> => (engine = await FakeEngine.start(faults))
  const link = (more = '', options: readonly string[] = ['--distribute-fallback=none']): Promise<TimedRun> => {
    const image = more.includes('toolchain=ship') ? '' : `,toolchain=image,image_compiler=${codegenProgram()}`
    const engineOptions = `remote_executor=${String(engine?.address)}${image}`
    return program.start([`--distribute=reapi,${engineOptions}${more}`, '--distribute-trace=trace.json', ...options])
  }
  const isGood = async (more = ''): Promise<void> => {
    const { exitCode, stdout, stderr } = await link(more)
    assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(program.isIdentical(), 'out differs from stock')
  }
  const trace = (): string => readFileSync(join(program.directory, 'trace.json'), 'utf8')
  /** Jobs that were executed, the question for the compiler's version left out. */
  const jobsExecuted = (): number => (engine?.counts.executions ?? 0) - 1

  test('works: each job once, each blob once, one invocation', async () => {
    const { counts } = await start({})
    await isGood()
    assert.equal(jobsExecuted(), MODULES)
    assert.equal(counts.invocations.size, 1)
    assert.match(trace(), /fake-1/, 'the worker is named in the trace')
    assert.match(trace(), /"fetchMs":5,/, 'what the engine says of the parts of an action, too')
    assert.match(trace(), /"handOverMs":3,/)
    const uploaded = counts.uploadedBytes
    await isGood()
    assert.equal(jobsExecuted(), MODULES + 1, 'the version was asked for again, and nothing else')
    assert.ok(counts.uploadedBytes - uploaded < 1000, 'no module is sent twice')
  })

  test('never looks into its action cache', async () => {
    await start({ ignoresCache: true })
    await isGood()
    const first = jobsExecuted()
    assert.ok(first >= MODULES)
    await isGood()
    assert.equal(jobsExecuted(), first + 1, 'the client has looked, and executes the question for the version only')
  })

  for (const dialect of ['details', 'precondition', 'internal'] as const) {
    test(`loses the inputs before it executes, and says so by ${dialect}`, async () => {
      const { counts } = await start({ losesInputs: { times: 2, dialect } })
      await isGood(',slots=1')
      assert.equal(jobsExecuted(), MODULES)
      assert.ok((counts.calls.get('Execute') ?? 0) >= MODULES + 2)
    })
  }

  test('cuts streams while it executes: the operation is waited for, and not done again', async () => {
    const engine = await start({ cutsStreams: 4 })
    await isGood()
    assert.equal(jobsExecuted(), MODULES)
    assert.ok(engine.count('WaitExecution') >= 4)
  })

  test('has forgotten the operation that is waited for', async () => {
    const engine = await start({ cutsStreams: 1, forgetsOperations: 1 })
    await isGood()
    assert.ok(engine.count('Execute') >= MODULES + 2)
  })

  test('asks for patience', async () => {
    const engine = await start({ asksForPatience: { times: 3, ms: 50 } })
    await isGood()
    assert.ok(engine.count('Execute') >= MODULES + 1 + 3)
  })

  test('asks for more patience than a link has: the scheduler comes back', async () => {
    await start({ asksForPatience: { times: 1, ms: 3_600_000 } })
    const { exitCode, stderr } = await link(',slots=2')
    assert.equal(exitCode, 0, stderr)
    assert.ok(program.isIdentical())
  })

  test('has had enough for now', async () => {
    await start({ isExhausted: 3 })
    await isGood()
    assert.equal(jobsExecuted(), MODULES)
  })

  test('takes zstd in streams: what is read comes compressed, and small blobs go as they are', async () => {
    const { counts } = await start({ zstd: 'streams' })
    await isGood(',remote_cache_compression=always')
    assert.ok(counts.compressed.out >= MODULES)
    assert.equal(counts.compressed.in, 0)
  })

  test('takes zstd in batches', async () => {
    const { counts } = await start({ zstd: 'all' })
    await isGood(',remote_cache_compression=always')
    assert.ok(counts.compressed.in >= MODULES)
  })

  test('takes zstd, which nobody wants', async () => {
    const { counts } = await start({ zstd: 'all' })
    await isGood(',remote_cache_compression=never')
    assert.deepEqual(counts.compressed, { in: 0, out: 0 })
  })

  test('takes zstd, and is sent the compiler so', async () => {
    const { counts } = await start({ zstd: 'streams' })
    const sent = (): number => Number(/ (\d+) bytes; \d+ bytes received/.exec(trace())?.[1])
    await isGood(',toolchain=ship')
    assert.ok(counts.compressed.in > 1, 'it has more than one large file')
    assert.ok(sent() < 0.5 * counts.uploadedBytes, `${sent()} of ${counts.uploadedBytes} bytes`)
  })

  test('announces zstd and takes none', async () => {
    const { counts } = await start({ zstd: 'refuses' })
    await isGood(',toolchain=ship,remote_cache_compression=always')
    assert.deepEqual(counts.compressed, { in: 0, out: 0 })
  })

  test('takes no batches', async () => {
    const engine = await start({ refusesBatches: true })
    await isGood()
    assert.ok(engine.count('Write') >= MODULES)
    assert.ok(engine.count('Read') >= MODULES)
  })

  test('answers to a batch without saying what it has taken, or what it has', async () => {
    const engine = await start({ forgetsBatches: true })
    await isGood()
    assert.ok(engine.count('Write') >= MODULES)
    assert.ok(engine.count('Read') >= MODULES)
    assert.equal(jobsExecuted(), MODULES)
  })

  test('loses outputs before they are read: executed again, past the action cache', async () => {
    await start({ losesOutputs: 2 })
    await isGood()
    assert.ok(jobsExecuted() > MODULES)
  })

  test('has results whose outputs are gone in its action cache', async () => {
    const engine = await start({})
    await isGood()
    for (const result of engine.results.values())
      for (const { digest } of result.outputFiles) engine.blobs.delete(digest?.hash ?? '')
    await isGood()
    assert.ok(jobsExecuted() >= 2 * MODULES + 1)
  })

  for (const [what, damage] of [
    ['other bytes than those of its digest', 'blob'],
    ['something that is no object', 'object'],
  ] as const)
    test(`has ${what} in its action cache: executed again, past the cache, which is right then`, async () => {
      const engine = await start({})
      await isGood()
      const files = [...engine.results.values()].map(({ outputFiles }) => outputFiles.at(0)).filter(isObject)
      assert.equal(files.length, MODULES)
      const file = files[1] as (typeof files)[number]
      if (damage === 'blob') engine.blobs.set(file.digest.hash, Buffer.alloc(file.digest.sizeBytes))
      else {
        const garbage = Buffer.from('no object')
        file.digest = { hash: createHash('sha256').update(garbage).digest('hex'), sizeBytes: garbage.length }
        engine.blobs.set(file.digest.hash, garbage)
      }
      const before = jobsExecuted()
      const { exitCode, stderr } = await link()
      assert.equal(exitCode, 0, stderr)
      assert.ok(program.isIdentical())
      assert.match(stderr, damage === 'blob' ? /is damaged/ : /no object|not an object|object for/)
      const after = jobsExecuted()
      // The one job, which may be hedged, and the question for the version.
      assert.ok(after >= before + 2 && after < before + MODULES, `${after - before} were executed`)
      await isGood()
      assert.equal(jobsExecuted(), after + 1, 'the question for the version alone')
    })

  test('keeps failures in its action cache', async () => {
    const engine = await start({})
    await isGood()
    engine.faults = { cachesFailures: true }
    await isGood()
    assert.ok(jobsExecuted() >= 2 * MODULES + 1)
  })

  test('goes away, and comes back', async () => {
    await start({ goesAway: 2 })
    await isGood()
    assert.equal(jobsExecuted(), MODULES)
  })

  test('leaves jobs in its queue: those that are compiled here are cancelled there', async () => {
    const engine = await start({})
    // The question for the compiler's version is not to wait.
    engine.onExecuted = () => {
      engine.faults = { queue: new Promise(() => undefined) }
    }
    const { exitCode } = await link('', [])
    assert.equal(exitCode, 0)
    assert.ok(program.isIdentical())
    assert.ok(engine.count('Execute') > 1, 'nothing was in its queue')
    // The linker does not wait until the engine has heard of the last one.
    assert.ok(engine.counts.cancelled > 0)
  })

  test('renews tokens in the middle of a link', async () => {
    const token = join(program.directory, 'token')
    writeFileSync(token, 'old-secret\n')
    const engine = await start({ token: 'old-secret' })
    // After its first execution, in the middle of the link.
    engine.onExecuted = () => {
      writeFileSync(token, 'new-secret\n')
      engine.faults = { token: 'new-secret' }
    }
    await isGood(',slots=1,remote_header=authorization=@token')
    assert.equal(engine.faults.token, 'new-secret')
    assert.doesNotMatch(trace(), /(old|new)-secret/)
  })
})

function isObject(file: OutputFile | undefined): file is OutputFile & { digest: Digest } {
  return file?.path.endsWith('.o') === true && file.digest !== undefined
}

describe('a link that an engine cannot help', () => {
  let program: DistccLink
  let engine: FakeEngine
  before(() => {
    program = new DistccLink(2, 1)
  })
  afterEach(() => engine.stop())
  after(() => program.remove())

  const cases: Readonly<Record<string, { faults: Faults; more?: string; message: RegExp }>> = {
    'is of an earlier version': { faults: { minorVersion: 0 }, message: /version 2\.0 of .*: expected 2\.1 or later/ },
    'executes nothing': { faults: { executesNothing: true }, message: /executes nothing/ },
    'knows nobody of that name': { faults: { token: 'secret' }, message: /UNAUTHENTICATED.*remote_header/ },
    'gives other bytes than it was given': { faults: { lies: true }, message: /other bytes than the digest/ },
    'has workers without the compiler': {
      faults: {},
      more: ',image_compiler=/nowhere/clang-22',
      message: /'\/nowhere\/clang-22 --version' ends with exit code 127/,
    },
  }
  for (const [name, { faults, more, message }] of Object.entries(cases)) {
    test(`that ${name} is done on this machine; without that it fails, and says why`, async () => {
      engine = await FakeEngine.start(faults)
      const compiler = more ?? `,image_compiler=${codegenProgram()}`
      const option = `--distribute=reapi,remote_executor=${engine.address},toolchain=image${compiler}`
      assert.equal((await program.start([option])).exitCode, 0)
      assert.ok(program.isIdentical())
      const alone = await program.start([option, '--distribute-fallback=none'])
      assert.notEqual(alone.exitCode, 0)
      assert.match(alone.stderr, message)
    })
  }
})

test('the next jobs are looked up and uploaded while others are executed, several in a call', async () => {
  const program = new DistccLink(24, 1)
  const engine = await FakeEngine.start()
  try {
    const options = `remote_executor=${engine.address},toolchain=image,image_compiler=${codegenProgram()},slots=1`
    const link = () => program.start([`--distribute=reapi,${options}`, '--distribute-fallback=none'])
    for (const executions of [26, 27]) {
      const lookedUp = engine.count('GetActionResult')
      const { exitCode, stderr } = await link()
      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' })
      assert.ok(program.isIdentical(), 'out differs from stock')
      assert.equal(engine.count('GetActionResult') - lookedUp, 25, 'each job once')
      assert.equal(engine.counts.executions, executions, 'each job once, and in each link the question for the version')
    }
    assert.equal(engine.counts.streamsAtOnce, 1, 'one job at the engine at a time')
    // By itself each job would have had one of each.
    const asked = engine.count('FindMissingBlobs')
    const sent = engine.count('BatchUpdateBlobs')
    assert.ok(asked <= 15 && sent <= 15, `${asked} questions, ${sent} uploads`)
  } finally {
    engine.stop()
    program.remove()
  }
})
