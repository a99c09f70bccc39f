import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { native } from '@dtlto/native'
import { LinkSession } from '../../packages/dtlto/src/link/session.js'
import { compile, DTLTO, inTemporaryDirectory, LLVM_BIN, must, run, SMALL_PROGRAM, STOCK } from './toolchain.js'

const started: LinkSession[] = []

// A test that fails in the middle must not leave a link behind: the next could not start.
afterEach(async () => {
  for (const session of started.splice(0)) {
    session.native.cancel()
    await session.finished
  }
})

/** A captured link of the small program, in `cwd`, stopped where lld waits for its backends. */
async function waitingLink(cwd: string): Promise<LinkSession> {
  const objects = compile(cwd, SMALL_PROGRAM).map((object) => join(cwd, object))
  const session = new LinkSession([STOCK, '-o', join(cwd, 'out'), '-shared', ...objects], true)
  started.push(session)
  assert.deepEqual(await session.jobsOrEnd, { at: 'jobs' })
  return session
}

test('a job has facts, and its module as bytes, which a captured link copies and so outlive it', () =>
  inTemporaryDirectory(async (cwd) => {
    const session = await waitingLink(cwd)
    const jobs = session.native.jobs()
    assert.deepEqual(jobs.map(({ moduleId }) => moduleId.replace(/^.*\//, '')).sort(), ['add.o', 'main.o', 'twice.o'])
    const main = jobs.findIndex(({ moduleId }) => moduleId.endsWith('main.o'))
    assert.equal(jobs[main]?.importedModules, 2)
    assert.equal(jobs[main]?.targetTriple, 'x86_64-pc-linux-gnu')
    assert.ok((jobs[main]?.instructions ?? 0) > 5)
    assert.match(session.native.cacheKey(main), /^[0-9A-F]{40}$/)

    const parts = session.native.moduleParts(jobs[main]?.moduleId ?? '')
    const whole = Buffer.concat(parts)
    writeFileSync(join(cwd, 'main.bc'), Buffer.concat(parts))
    const text = (file: string): string =>
      must(join(LLVM_BIN, 'llvm-dis'), [file, '-o', '-'], { cwd }).replaceAll(file, 'FILE')
    assert.equal(text('main.bc'), text('main.o'))
    const { bytes, modules } = await session.native.remoteIndex(main, false)
    assert.equal(Buffer.from(bytes).toString('latin1', 0, 2), 'BC')
    assert.deepEqual(
      modules.map(({ name, moduleId, imported }) => [name, moduleId.replace(/^.*\//, ''), imported]),
      [
        ['m0', 'add.o', true],
        ['m1', 'main.o', false],
        ['m2', 'twice.o', true],
      ],
    )
    const together = await session.native.remoteIndex(main, true)
    assert.deepEqual(together, {
      bytes,
      modules,
      clang: await session.native.clangModule(main),
      unread: await session.native.unreadImports(main),
    })
    assert.equal(together.clang?.reason, '')
    assert.deepEqual(
      together.unread?.map(({ ranges }) => ranges.length > 0),
      [true, true],
    )

    for (const index of jobs.keys()) await session.compileInProcess(index)
    session.native.resume()
    assert.throws(() => session.native.cacheKey(main), /does not wait/)
    assert.equal(await session.finished, 0)
    assert.ok(Buffer.concat(parts).equals(whole))
  }))

test('an object that comes from elsewhere is linked as if this process had made it; the first one wins', () =>
  inTemporaryDirectory(async (cwd) => {
    const session = await waitingLink(cwd)
    // --lto-obj-path alone changes the output (it adds an empty object), so it gets a link of its own.
    must(STOCK, ['-o', 'stock', '-shared', 'main.o', 'twice.o', 'add.o'], { cwd })
    must(STOCK, ['-o', 'unused', '-shared', 'main.o', 'twice.o', 'add.o', '--lto-obj-path=obj'], { cwd })
    for (const [index, { task }] of session.native.jobs().entries()) {
      const object = readFileSync(join(cwd, `obj${String(task)}`))
      assert.equal(session.native.deliver(index, object, true), true)
      assert.equal(session.native.deliver(index, object, true), false)
      assert.equal((await session.compileInProcess(index)).outcome, 'lost')
    }
    session.native.resume()
    assert.equal(await session.finished, 0)
    must('cmp', ['out', 'stock'], { cwd })
  }))

test('a failed job is an error of lld with its message, and the link of others goes on being possible', () =>
  inTemporaryDirectory(async (cwd) => {
    const session = await waitingLink(cwd)
    session.native.fail(0, 'no compiler was at home')
    session.native.fail(0, 'a second word does not count')
    for (const index of session.native.jobs().keys()) await session.compileInProcess(index)
    session.native.resume()
    assert.equal(await session.finished, 1)
    assert.equal(session.native.capturedStderr(), 'ld.lld: error: no compiler was at home\n')
    const again = await waitingLink(cwd)
    for (const index of again.native.jobs().keys()) await again.compileInProcess(index)
    again.native.resume()
    assert.equal(await again.finished, 0)
  }))

test('a cancelled link ends with an error and no output, also before lld waits', () =>
  inTemporaryDirectory(async (cwd) => {
    const session = await waitingLink(cwd)
    session.native.cancel()
    assert.equal(await session.finished, 1)
    assert.match(session.native.capturedStderr(), /^ld\.lld: error: link cancelled\n/)
    const early = new LinkSession([STOCK, '-o', join(cwd, 'out'), '-shared', join(cwd, 'main.o')], true)
    early.native.cancel()
    assert.equal(await early.finished, 1)
    assert.equal(run('test', ['-e', 'out'], { cwd }).exitCode, 1)
  }))

test('a second link in the process is refused while one runs', () =>
  inTemporaryDirectory(async (cwd) => {
    const session = await waitingLink(cwd)
    assert.throws(() => new LinkSession([STOCK, '--version'], true), /a link is running in this process already/)
    session.native.cancel()
    await session.finished
  }))

test('a fatal error of lld ends a captured link and not the process', () =>
  inTemporaryDirectory(async (cwd) => {
    const session = new LinkSession([STOCK, '-o', join(cwd, 'no', 'such', 'place'), join(cwd, 'none.o')], true)
    assert.equal(await session.finished, 1)
    assert.match(session.native.capturedStderr(), /cannot open .*none\.o/)
    assert.equal(native().llvmBin, LLVM_BIN)
    assert.equal(run(DTLTO, ['none.o'], { cwd }).exitCode, 1)
  }))
