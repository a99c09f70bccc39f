/** What the linkers answer when they are asked for their version: lld's words first, which build systems read, then dtlto's. */
import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CLANG,
  compile,
  DTLTO,
  DTLTO_BIN,
  inTemporaryDirectory,
  LLVM_BIN,
  must,
  run,
  SMALL_PROGRAM,
  VERSION_LINE,
} from '../link/toolchain.js'

const PAIRS = [
  ['ld.dtlto', 'ld.lld'],
  ['ld64.dtlto', 'ld64.lld'],
  ['wasm-ld.dtlto', 'wasm-ld'],
  ['dtlto-link', 'lld-link'],
] as const

for (const [ours, stock] of PAIRS) {
  test(`${ours} --version is what ${stock} says, and a line of its own`, () => {
    const words = must(join(LLVM_BIN, stock), ['--version'], { cwd: '/' })
    assert.equal(must(join(DTLTO_BIN, ours), ['--version'], { cwd: '/' }), words + VERSION_LINE)
  })
}

test('settings do not matter to --version, nor whether there is a Node', () => {
  const expected = must(join(LLVM_BIN, 'ld.lld'), ['--version'], { cwd: '/' }) + VERSION_LINE
  const env = { DTLTO_DISTRIBUTE: 'distcc', DTLTO_NODE: '/none', DISTCC_HOSTS: '127.0.0.1:1' }
  assert.deepEqual(run(DTLTO, ['--version', '--distribute=distcc', 'hosts=a/8'], { cwd: '/', env }), {
    exitCode: 0,
    stdout: expected,
    stderr: '',
  })
})

test('-v alone asks for the version; with inputs it is a link that prints what lld prints', () =>
  inTemporaryDirectory((cwd) => {
    const words = must(join(LLVM_BIN, 'ld.lld'), ['-v'], { cwd })
    for (const option of ['-v', '-V']) assert.equal(must(DTLTO, [option], { cwd }), words + VERSION_LINE)
    const link = ['-v', '-shared', '-o', 'out', ...compile(cwd, SMALL_PROGRAM)]
    assert.equal(must(DTLTO, link, { cwd }), words)
    assert.equal(must(DTLTO, [...link, '--distribute=local'], { cwd }), words)
  }))

test('a version that lld does not tell is not told by dtlto either', () => {
  const wrong = ['--version', '--no-such-option']
  assert.deepEqual(run(DTLTO, wrong, { cwd: '/' }), run(join(LLVM_BIN, 'ld.lld'), wrong, { cwd: '/' }))
})

test("under one of lld's own names dtlto is lld in this, too", () =>
  inTemporaryDirectory((cwd) => {
    symlinkSync(DTLTO, join(cwd, 'ld.lld'))
    assert.equal(
      must(join(cwd, 'ld.lld'), ['--version'], { cwd }),
      must(join(LLVM_BIN, 'ld.lld'), ['--version'], { cwd }),
    )
  }))

test('what parsers of the first line make of it is LLD and its version', () => {
  const text = must(CLANG, [`--ld-path=${DTLTO}`, '-Wl,--version'], { cwd: '/' })
  const stock = must(CLANG, [`--ld-path=${join(LLVM_BIN, 'ld.lld')}`, '-Wl,--version'], { cwd: '/' })
  // Meson and the Linux kernel read the first line; libtool looks for GNU anywhere; CMake takes the first version.
  assert.equal(text.split('\n')[0], stock.split('\n')[0])
  assert.equal(/\d+\.\d+\.\d+/.exec(text)?.[0], /\d+\.\d+\.\d+/.exec(stock)?.[0])
  assert.match(text, /GNU/)
})
