/** LLD_IN_TEST=N: LLVM's tests have lld link N times in one process, free its memory, and show what the last link says. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  compile,
  DTLTO,
  DTLTO_BIN,
  inTemporaryDirectory,
  LLVM_BIN,
  run,
  SMALL_PROGRAM,
  STOCK,
  VERSION_LINE,
} from '../link/toolchain.js'

const LINK = ['-shared', '-o', 'out', 'main.o', 'twice.o', 'add.o']

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** What a linker says and writes, and how often it opens one of the inputs. */
function link(cwd: string, linker: string, args: readonly string[], runs: string) {
  rmSync(join(cwd, 'out'), { force: true })
  const strace = ['-f', '-o', 'log', '-e', 'trace=openat', '-P', 'main.o', linker]
  const env = { LLD_IN_TEST: runs, LLVM_DISABLE_SYMBOLIZATION: '1' }
  const ran = run('strace', [...strace, ...args], { cwd, env })
  const opened = readFileSync(join(cwd, 'log'), 'utf8').match(/ openat\(/g)?.length ?? 0
  // The line that dtlto adds when it is asked for the version (test/launcher/version.test.ts).
  const stdout = linker === DTLTO ? ran.stdout.replace(VERSION_LINE, '') : ran.stdout
  return { ...ran, stdout, opened, output: existsSync(join(cwd, 'out')) && sha256(readFileSync(join(cwd, 'out'))) }
}

for (const [what, args, opened] of [
  ['a link', LINK, [1, 1, 2, 3]],
  ['a link with a warning', [...LINK, '--warn-unknown-option', '-z', 'unknown'], [1, 1, 2, 3]],
  ['a link that fails', [...LINK, '-lnone', '--no-undefined'], [1, 1, 2, 3]],
  ['a fatal error', [...LINK, '--thinlto-cache-policy=x'], undefined],
  ['--version', ['--version'], [0, 0, 0, 0]],
] as const) {
  test(`${what} runs as often as under stock lld, and says the same`, () =>
    inTemporaryDirectory((cwd) => {
      compile(cwd, SMALL_PROGRAM)
      for (const [i, runs] of ['0', '1', '2', '3'].entries()) {
        const stock = link(cwd, STOCK, args, runs)
        if (opened) assert.equal(stock.opened, opened[i])
        assert.deepEqual(link(cwd, DTLTO, [...args, '--distribute=local'], runs), stock, runs)
        assert.deepEqual(link(cwd, DTLTO, args, runs), stock, `${runs}, without a setting`)
      }
    }))
}

test('a second link of wasm-ld meets what the first left behind, as under stock lld', () =>
  inTemporaryDirectory((cwd) => {
    compile(
      cwd,
      { 'main.c': 'int one(void); int two(void) { return one() + 1; }', 'one.c': 'int one(void) { return 1; }' },
      ['--target=wasm32'],
    )
    const args = ['--no-entry', '--export-all', '-o', 'out', 'main.o', 'one.o']
    for (const runs of ['1', '2']) {
      const stock = link(cwd, join(LLVM_BIN, 'wasm-ld'), args, runs)
      const dtlto = link(cwd, join(DTLTO_BIN, 'wasm-ld.dtlto'), [...args, '--distribute=local'], runs)
      assert.deepEqual(dtlto, stock, runs)
    }
  }))

test('a distributor gets the jobs of the last link', () =>
  inTemporaryDirectory((cwd) => {
    compile(cwd, SMALL_PROGRAM)
    const own = ['--distribute=worker', '--distribute-fallback=none', '--distribute-summary']
    const { stderr: _, ...stock } = link(cwd, STOCK, LINK, '2')
    const { stderr, ...dtlto } = link(cwd, DTLTO, [...LINK, ...own], '2')
    assert.match(stderr, /\b3 jobs/)
    assert.deepEqual(dtlto, stock)
  }))
