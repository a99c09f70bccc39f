/** What differs from module to module, and a stock clang cannot know from the options of the link. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compile, DTLTO, inTemporaryDirectory, run, STOCK } from '../link/toolchain.js'
import { existsSync, readFileSync } from 'node:fs'

const PLUGIN = fileURLToPath(new URL('clang-worker.js', import.meta.url))

const SOURCES = {
  'main.c': 'extern int far; int use(int); int entry(int n) { return use(n) + far; }\n',
  'use.c': 'int far; static int last; int use(int n) { int old = last; last = n; return old + far; }\n',
} as const

/** Links with stock lld and with stock clang as worker; gives the worker's log. */
function linkBoth(cwd: string, args: readonly string[], more: readonly string[] = ['--distribute-fallback=none']) {
  const log = join(cwd, 'log')
  const env = { DTLTO_CLANG_WORKER_LOG: log }
  const stock = run(STOCK, [...args, '-o', 'stock.out'], { cwd })
  const dtlto = run(DTLTO, [...args, '-o', 'dtlto.out', `--distribute=${PLUGIN}`, ...more], { cwd, env })
  return { stock, dtlto, log: existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [] }
}

describe('a -r link', () => {
  for (const flags of [
    ['-fno-pic'],
    ['-fPIC'],
    ['-fPIE'],
    ['-fno-pic', '-mcmodel=kernel'],
    ['-fno-pic', '-mcmodel=large'],
    ['-fno-pic', '-mcmodel=medium'],
  ]) {
    test(`of modules compiled with ${flags.join(' ')} is compiled by a stock clang`, () =>
      inTemporaryDirectory((cwd) => {
        const objects = compile(cwd, SOURCES, ['--target=x86_64-unknown-linux-gnu', ...flags])
        const { stock, dtlto, log } = linkBoth(cwd, ['-r', ...objects])
        assert.deepEqual([stock.exitCode, dtlto.exitCode], [0, 0], dtlto.stderr)
        assert.deepEqual(log, ['compiled', 'compiled'])
        assert.ok(readFileSync(join(cwd, 'stock.out')).equals(readFileSync(join(cwd, 'dtlto.out'))))
      }))
  }

  test('chooses for each of its modules', () =>
    inTemporaryDirectory((cwd) => {
      const target = '--target=x86_64-unknown-linux-gnu'
      const [main = ''] = compile(cwd, { 'main.c': SOURCES['main.c'] }, [target, '-fno-pic'])
      const [use = ''] = compile(cwd, { 'use.c': SOURCES['use.c'] }, [target, '-fPIC'])
      const { stock, dtlto, log } = linkBoth(cwd, ['-r', main, use])
      assert.deepEqual([stock.exitCode, dtlto.exitCode], [0, 0], dtlto.stderr)
      assert.deepEqual(log, ['compiled', 'compiled'])
      assert.ok(readFileSync(join(cwd, 'stock.out')).equals(readFileSync(join(cwd, 'dtlto.out'))))
    }))
})

describe('modules of one link that name different targets', () => {
  test('are each compiled for their own', () =>
    inTemporaryDirectory((cwd) => {
      const [main = ''] = compile(cwd, { 'main.c': SOURCES['main.c'] }, [
        '--target=x86_64-unknown-linux-gnu',
        '-mcmodel=medium',
      ])
      const [use = ''] = compile(cwd, { 'use.c': SOURCES['use.c'] }, ['--target=x86_64-pc-linux-musl'])
      const { stock, dtlto } = linkBoth(cwd, ['-e', 'entry', main, use], [])
      assert.equal(dtlto.exitCode, 0, dtlto.stderr)
      // clang warns of the mixture, so lld compiles both jobs itself, and the worker has had no part.
      const ofLld = dtlto.stderr.replace(/^ld\.dtlto: warning: clang-worker: .* has not compiled any of .*\n/m, '')
      assert.equal(ofLld, stock.stderr)
      assert.ok(readFileSync(join(cwd, 'stock.out')).equals(readFileSync(join(cwd, 'dtlto.out'))))
    }))
})

describe('a call of a function that must not be called', () => {
  const CALLS = (attribute: string) => ({
    'main.c': `void no(void) __attribute__((${attribute}("do not call this"))); int use(int);
int entry(int n) { if (n) no(); return use(n); }\n`,
    'use.c': 'int use(int n) { return n + 1; }\n',
  })
  /** Calls that are only inlined into the caller in its backend. */
  const IMPORTED = (attribute: string) => ({
    'main.c': 'int use(int); int entry(int n) { return use(n) + 1; }\n',
    'use.c': `void no(void) __attribute__((${attribute}("do not call this"))); int use(int n) { if (n == 7) no(); return n + 1; }\n`,
  })
  for (const [attribute, exitCode] of [
    ['error', 1],
    ['warning', 0],
  ] as const) {
    for (const [what, sources] of [
      ['', CALLS(attribute)],
      [' in an imported function', IMPORTED(attribute)],
    ] as const) {
      test(`(${attribute})${what} is reported as by stock lld, with every kind of worker`, () =>
        inTemporaryDirectory((cwd) => {
          const objects = compile(cwd, sources, ['--target=x86_64-unknown-linux-gnu', '-fPIC'])
          const args = ['-shared', '--thinlto-jobs=1', ...objects]
          const { stock, dtlto, log } = linkBoth(cwd, args, [])
          assert.equal(stock.exitCode, exitCode)
          assert.match(stock.stderr, /no.*do not call this/)
          // Beside lld's words, one line tells that the distributor had no part in the link.
          const words = dtlto.stderr.replace(
            /^ld\.dtlto: warning: clang-worker: .* has not compiled any of .*dontcall-.*\n/m,
            '',
          )
          assert.deepEqual([dtlto.exitCode, words], [stock.exitCode, stock.stderr])
          assert.ok(
            log.some((line) => /^cannot .*dontcall-/.test(line)),
            log.join(),
          )
          const isolated = run(DTLTO, [...args, '-o', 'isolated.out', '--distribute=local,isolate=process'], { cwd })
          assert.deepEqual([isolated.exitCode, isolated.stderr], [stock.exitCode, stock.stderr])
        }))
    }
  }
})
