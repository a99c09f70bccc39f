import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { until } from '../../packages/distributor-reapi/src/testing/until.js'
import { readTotals } from './reapi-totals.js'
import { compile, DTLTO, inTemporaryDirectory, must, type Ran, run, slowProgram, STOCK } from '../link/toolchain.js'

const skip = (await whyNoCasd()) ?? false
/** Of a job, beside its modules. */
const MESSAGES_BYTES = 8 * 1024

describe('a whole link over buildbox-casd', { skip }, () => {
  let cwd = ''
  let objects: readonly string[] = []
  let empty: Casd
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    objects = compile(cwd, slowProgram(6, 8), ['-g'])
    must(STOCK, ['-e', 'main', ...objects, '-o', 'stock'], { cwd })
    empty = await Casd.start({ root: 'empty' })
  })
  after(async () => {
    await empty.stop()
    rmSync(cwd, { recursive: true })
  })

  const args = (): string[] => ['-e', 'main', ...objects, '-o', 'out', '--distribute-trace=trace.json']
  const link = (server: Casd, more = '', directory = cwd, options: readonly string[] = []): Ran =>
    run(
      DTLTO,
      [
        ...args(),
        ...options,
        '--distribute-fallback=none',
        `--distribute=reapi,remote_executor=${server.address}${more}`,
      ],
      { cwd: directory },
    )
  const assertIdentical = (ran: Ran, directory = cwd): void => {
    assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(readFileSync(join(directory, 'out')).equals(readFileSync(join(cwd, 'stock'))), 'out differs from stock')
  }
  /** What the distributor says of itself at the end. Late jobs may be executed, or looked up, once more. */
  const totals = (directory = cwd): { executed: number; cached: number; sent: number } => {
    const text = readFileSync(join(directory, 'trace.json'), 'utf8')
    const found = /reapi: (\d+) jobs executed, (\d+) from the action cache; (\d+) of/.exec(text)
    const [executed = NaN, cached = NaN, sent = NaN] = found?.slice(1).map(Number) ?? []
    return { executed, cached, sent }
  }
  const assertExecuted = (): void => {
    const { executed, cached } = totals()
    assert.ok(executed > 0 && executed + cached >= 7, JSON.stringify(totals()))
  }
  // The action that asks for a version is sent, and its command.
  const assertCached = (directory = cwd): void => {
    const { executed, cached, sent } = totals(directory)
    assert.ok(executed === 0 && cached >= 7 && sent <= 2, JSON.stringify(totals(directory)))
  }

  test('has the bytes of stock lld where workers have nothing but what was sent', () => {
    assertIdentical(link(empty))
    assertExecuted()
  })

  test('finds everything in the action cache when it is done again in another directory, and sends nothing', async () => {
    await inTemporaryDirectory((elsewhere) => {
      for (const object of objects) cpSync(join(cwd, object), join(elsewhere, object))
      assertIdentical(link(empty, '', elsewhere), elsewhere)
      assertCached(elsewhere)
    })
  })

  test('executes the jobs of a module that has changed, and sends it and nothing else that is large', async () => {
    await inTemporaryDirectory((elsewhere) => {
      for (const object of objects) cpSync(join(cwd, object), join(elsewhere, object))
      const source = slowProgram(6, 8)['slow3.c'] ?? ''
      const changed = source.replace('return a[0];', 'return a[0] + 1;')
      assert.notEqual(changed, source)
      const [module = ''] = compile(elsewhere, { 'slow3.c': changed }, ['-g'])
      must(STOCK, ['-e', 'main', ...objects, '-o', 'stock'], { cwd: elsewhere })
      assert.deepEqual(link(empty, '', elsewhere), { exitCode: 0, stdout: '', stderr: '' })
      assert.ok(readFileSync(join(elsewhere, 'out')).equals(readFileSync(join(elsewhere, 'stock'))))
      const { executed, sentBytes } = readTotals(join(elsewhere, 'trace.json'))
      const changedBytes = statSync(join(elsewhere, module)).size
      assert.ok(
        executed >= 1 && executed <= 2,
        `${executed} jobs were executed: that module's, and one that imports from it`,
      )
      assert.ok(sentBytes >= changedBytes, `${sentBytes} bytes`)
      // Beside it: indexes, options, directories, commands and actions of those jobs.
      assert.ok(
        sentBytes <= changedBytes + executed * MESSAGES_BYTES,
        `${sentBytes} bytes were sent for ${changedBytes}`,
      )
    })
  })

  test('with remote_accept_cached=false executes again what is in the action cache, and uploads nothing again', () => {
    assertIdentical(link(empty, ',remote_accept_cached=false'))
    assert.ok(totals().executed > 0 && totals().sent === 0)
  })

  describe('with the compiler of the workers', () => {
    let image: Casd
    before(async () => {
      const directory = dirname(codegenProgram())
      image = await Casd.start({ root: 'image', mounts: [`${directory}:/opt/dtlto`] })
    })
    after(() => image.stop())

    test('has the bytes of stock lld by clang', () => {
      assertIdentical(link(image, ',toolchain=image'))
      assertExecuted()
      assertIdentical(link(image, ',toolchain=image'))
      assertCached()
    })

    test('has the bytes of stock lld by dtlto-codegen', () => {
      assertIdentical(link(image, ',toolchain=image,image_compiler=/opt/dtlto/dtlto-codegen'))
      assertExecuted()
    })

    test('refuses a compiler of another version', (t) => {
      if (!existsSync('/usr/bin/clang-14')) return t.skip('there is no other clang here')
      const { exitCode, stderr } = link(image, ',toolchain=image,image_compiler=clang-14')
      assert.notEqual(exitCode, 0)
      assert.match(stderr, /'clang-14' of the workers says '.*14\.0.*': expected clang \d+\./)
    })
  })

  test('takes what an engine has made from its cache alone', () => {
    // On a busy machine the linker would else make an object of a look-up that is late.
    const options = [`--distribute=reapi,remote_cache=${empty.address}`, '--distribute-fallback=none']
    assertIdentical(run(DTLTO, [...args(), ...options], { cwd }))
    assertCached()
  })

  test('compiles here what a cache alone does not have', () => {
    must(STOCK, ['-e', 'main', ...objects, '--lto-O1', '-o', 'stock-O1'], { cwd })
    const option = `--distribute=reapi,remote_cache=${empty.address}`
    const ran = run(DTLTO, ['-e', 'main', ...objects, '--lto-O1', '-o', 'out-O1', option], { cwd })
    assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(readFileSync(join(cwd, 'out-O1')).equals(readFileSync(join(cwd, 'stock-O1'))))
  })

  test('does not wait for a cache, or an engine, that has stopped', () => {
    empty.signal('SIGSTOP')
    try {
      for (const kind of ['cache', 'executor']) {
        const ran = run(DTLTO, [...args(), `--distribute=reapi,remote_${kind}=${empty.address}`], { cwd })
        assert.equal(ran.exitCode, 0)
        assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))))
      }
    } finally {
      empty.signal('SIGCONT')
    }
  })

  test('is done when the engine is killed in the middle of it', async () => {
    const fragile = await Casd.start({ root: 'empty' })
    try {
      // Toolchain and modules are there: on a busy machine the linker would else be done before they are.
      assert.equal(link(fragile, ',slots=1', cwd, ['--lto-O0']).exitCode, 0)
      const option = `--distribute=reapi,remote_executor=${fragile.address}`
      const child = spawn(DTLTO, [...args(), option], { cwd, stdio: 'ignore' })
      const ended = once(child, 'exit')
      await until(() => fragile.isExecuting, 'an action is executed', 60_000)
      await fragile.kill()
      assert.deepEqual(await ended, [0, null])
      assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))))
    } finally {
      await fragile.stop()
    }
  })

  test('warns in the words of lld, also when the object comes from the action cache', () => {
    const source = `void use(char *p);
      __attribute__((noinline)) int f(void) { char big[4096]; use(big); return big[7]; }
      __attribute__((noinline)) void use(char *p) { __asm__("" :: "r"(p) : "memory"); }
      int main(void) { return f(); }`
    const [object = ''] = compile(cwd, { 'frame.c': source }, ['-Wframe-larger-than=100'])
    const args = ['-e', 'main', object, '-o', 'out-frame']
    const stock = run(STOCK, args, { cwd })
    for (const where of ['executed', 'cached'] as const) {
      const option = `--distribute=reapi,remote_executor=${empty.address}`
      const ours = run(DTLTO, [...args, option, '--distribute-fallback=none', '--distribute-trace=trace.json'], { cwd })
      assert.equal(ours.exitCode, stock.exitCode)
      assert.equal(ours.stderr.replaceAll('ld.dtlto', 'ld.lld'), stock.stderr)
      assert.ok(totals()[where] > 0)
    }
  })
})
