import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  CLANG,
  compile,
  DTLTO,
  DTLTO_BIN,
  inTemporaryDirectory,
  linkBoth,
  must,
  run,
  SMALL_PROGRAM,
  STOCK,
} from './toolchain.js'

describe('a link by dtlto', () => {
  test('gives the bytes of stock lld, through clang -fuse-ld=dtlto, and the program runs', () =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, SMALL_PROGRAM, ['-g'])
      const { stock, dtlto } = linkBoth(cwd, objects)
      assert.ok(stock.equals(dtlto))
      must(CLANG, ['-flto=thin', '-O2', '-fuse-ld=dtlto', '-Wl,--distribute=local', ...objects, '-o', 'program'], {
        cwd,
        env: { PATH: `${DTLTO_BIN}:${process.env['PATH'] ?? ''}` },
      })
      assert.ok(stock.equals(readFileSync(join(cwd, 'program'))))
      assert.equal(must(join(cwd, 'program'), [], { cwd }), '42\n')
    }))

  // Node exports a zlib of its own, with other bytes.
  for (const compression of ['zlib', 'zstd']) {
    test(`gives the bytes of stock lld with debug sections compressed by ${compression}`, () =>
      inTemporaryDirectory((cwd) => {
        const objects = compile(cwd, SMALL_PROGRAM, ['-g'])
        const { stock, dtlto } = linkBoth(cwd, [...objects, `-Wl,--compress-debug-sections=${compression}`])
        assert.ok(must(join(cwd, 'dtlto.out'), [], { cwd }) === '42\n' && stock.equals(dtlto))
      }))
  }

  // Here libLLVM itself compresses: the functions' names in the profile data. Small inputs come out equal from both zlibs.
  test('gives the bytes of stock lld for context-sensitive profile instrumentation', () =>
    inTemporaryDirectory((cwd) => {
      const functions = Array.from({ length: 900 }, (_, i) => {
        const name = `a_long_function_name_${String((i * 7919) % 1000)}_of_many`
        return `int ${name}(int a) { int s = 0; for (int i = 0; i < a; i++) if (i * ${String(i)} % 7 == 3) s += i; return s; }`
      })
      const objects = compile(cwd, { 'many.c': functions.join('\n') })
      const args = [...objects, '-o', 'out', '-shared', '--lto-cs-profile-generate', '--lto-cs-profile-file=p']
      must(STOCK, args, { cwd })
      renameSync(join(cwd, 'out'), join(cwd, 'stock'))
      must(DTLTO, [...args, '--distribute=local'], { cwd })
      must('cmp', ['out', 'stock'], { cwd })
    }))

  test('takes paths that are not UTF-8', () =>
    inTemporaryDirectory((cwd) => {
      const [main = ''] = compile(cwd, { 'main.c': 'int main(void) { return 0; }' })
      const name = Buffer.concat([Buffer.from('caf'), Buffer.of(0xe9), Buffer.from('.o')])
      renameSync(join(cwd, main), Buffer.concat([Buffer.from(`${cwd}/`), name]))
      // The shell passes bytes that Node's spawn cannot.
      const script = `${DTLTO} --distribute=local -o out -e main caf$(printf '\\351').o && ${STOCK} -o stock -e main caf$(printf '\\351').o && cmp out stock`
      assert.deepEqual(run('sh', ['-c', script], { cwd }), { exitCode: 0, stdout: '', stderr: '' })
    }))

  test('takes a response file with options of both kinds and odd names', () =>
    inTemporaryDirectory((cwd) => {
      const [main = ''] = compile(cwd, { 'main.c': 'int main(void) { return 0; }' })
      renameSync(join(cwd, main), join(cwd, `it's (odd) "名".o`))
      writeFileSync(join(cwd, 'args'), `--distribute=local,slots=1 -e main "it's (odd) \\"名\\".o"`)
      must(DTLTO, ['-o', 'out', '@args'], { cwd })
      must(STOCK, ['-o', 'stock', '-e', 'main', `it's (odd) "名".o`], { cwd })
      must('cmp', ['out', 'stock'], { cwd })
    }))

  test('starts the modules first that took longest in past links, and keeps the times of this one', () =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, SMALL_PROGRAM, ['-g'])
      const past = Object.fromEntries(objects.map((object, i) => [object, 1000 * (i + 1)]))
      writeFileSync(join(cwd, 'past.json'), JSON.stringify({ dtltoTimings: 1, modules: { ...past, 'other.o': 5 } }))
      const options = ['timings=past.json', 'trace=trace.json'].map((option) => `-Wl,--distribute-${option}`)
      const { stock, dtlto } = linkBoth(cwd, objects, ['-Wl,--thinlto-jobs=1', ...options])
      assert.ok(stock.equals(dtlto))
      const { traceEvents } = JSON.parse(readFileSync(join(cwd, 'trace.json'), 'utf8')) as {
        traceEvents: { cat?: string; name: string; ts: number }[]
      }
      const compiled = traceEvents.filter(({ cat }) => cat === 'compile').sort((a, b) => a.ts - b.ts)
      assert.deepEqual(
        compiled.map(({ name }) => name),
        [...objects].reverse(),
      )
      const { modules } = JSON.parse(readFileSync(join(cwd, 'past.json'), 'utf8')) as {
        modules: Record<string, number>
      }
      assert.deepEqual(Object.keys(modules).sort(), [...objects, 'other.o'].sort())
      for (const [module, ms] of Object.entries(past)) assert.ok((modules[module] ?? ms) < ms, module)
    }))

  test('takes a command line of 2 MB, where the system has room for one', (t) =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, SMALL_PROGRAM)
      const long = Array.from({ length: 20_000 }, (_, i) => `-L${cwd}/${'directory'.repeat(10)}${String(i)}`)
      writeFileSync(join(cwd, 'arguments'), ['-shared', ...objects, ...long].join('\n'))
      assert.ok(readFileSync(join(cwd, 'arguments')).length > 2_000_000)
      // Linux gives arguments a quarter of the stack's size, 6 MB at most.
      const room = 'ulimit -s 65536 || exit 77'
      const expand = "IFS='\n'; set -f; set -- $(cat arguments)"
      const script = `${room}; linker=$1; output=$2; ${expand}; exec "$linker" "$@" -o "$output"`
      const link = (linker: string, output: string) => run('sh', ['-c', script, 'sh', linker, output], { cwd })
      const stock = link(STOCK, 'stock.so')
      if (stock.exitCode === 77) {
        t.skip('the limit of the stack cannot be raised here')
        return
      }
      assert.deepEqual(
        [stock, link(DTLTO, 'dtlto.so')].map(({ exitCode, stderr }) => [exitCode, stderr]),
        [
          [0, ''],
          [0, ''],
        ],
      )
      assert.ok(readFileSync(join(cwd, 'stock.so')).equals(readFileSync(join(cwd, 'dtlto.so'))))
    }))

  test('adds its own options to the help of lld', () =>
    inTemporaryDirectory((cwd) => {
      const stock = must(STOCK, ['--help'], { cwd })
      const dtlto = must(DTLTO, ['--help'], { cwd })
      assert.ok(dtlto.startsWith(stock))
      assert.match(dtlto.slice(stock.length), /--distribute=<name>/)
    }))

  test('says what is wrong with an option of its own and links nothing', () =>
    inTemporaryDirectory((cwd) => {
      const { exitCode, stdout, stderr } = run(DTLTO, ['--distribute=nowhere', '-o', 'out', 'none.o'], { cwd })
      assert.equal(exitCode, 1)
      assert.equal(stdout, '')
      assert.match(
        stderr,
        /^ld\.dtlto: error: no distributor 'nowhere' could be loaded\n {2}tried '.*': no such package\n/,
      )
    }))

  test('says what to install when the native part cannot be loaded', () =>
    inTemporaryDirectory((cwd) => {
      const { exitCode, stderr } = run(DTLTO, ['none.o', '-o', 'out', '--distribute=local'], {
        cwd,
        env: { DTLTO_NATIVE: join(cwd, 'none.node') },
      })
      assert.equal(exitCode, 1)
      assert.match(
        stderr,
        /^ld\.dtlto: error: the native part of dtlto could not be loaded\n {2}tried '.*none\.node': no such file\n {2}build it:/,
      )
    }))
})
