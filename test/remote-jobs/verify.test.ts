import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codegenProgram } from '@dtlto/native'
import { CLANG, DTLTO, inTemporaryDirectory, must, run } from '../link/toolchain.js'
import { coffX64, x86_64 } from '../parity/targets.js'
import { compileFor, link, own } from './small-links.js'

const PLUGIN = fileURLToPath(new URL('clang-worker.js', import.meta.url))
/** Compiles differently from what the link asks for, and every time. */
const WRONG = `${PLUGIN},add=-fno-vectorize+-O0`

describe('--distribute-verify', () => {
  for (const distributor of ['local,isolate=process', PLUGIN]) {
    test(`passes right objects and writes nothing (${distributor.replace(/^.*\//, '')})`, () =>
      inTemporaryDirectory((cwd) => {
        const objects = compileFor(x86_64, cwd)
        const args = [...x86_64.program, ...objects]
        const stock = link(x86_64, 'stock', cwd, args)
        const before = readdirSync(cwd)
        const verified = link(x86_64, 'dtlto', cwd, [...args, `--distribute=${distributor}`, '--distribute-verify'])
        assert.deepEqual([verified.exitCode, verified.stderr], [0, ''])
        assert.ok(verified.bytes?.equals(stock.bytes ?? Buffer.alloc(0)))
        assert.deepEqual(readdirSync(cwd).sort(), [...before, 'dtlto.out'].sort())
      }))
  }

  for (const target of [x86_64, coffX64]) {
    test(`ends a link with a wrong object, names its module and keeps what a report needs (${target.name})`, () =>
      inTemporaryDirectory((cwd) => {
        const objects = compileFor(target, cwd)
        const options = [own(target, `distribute=${WRONG}`), own(target, 'distribute-fallback=none')]
        const verify = [...target.program, ...objects, ...options, own(target, 'distribute-verify')]
        const { exitCode, stderr } = link(target, 'dtlto', cwd, verify)
        assert.equal(exitCode, 1, stderr)
        const [, module, directory = ''] =
          /error: the distributed object of '([^']+)' differs from the one made in this process: see '([^']+)'/.exec(
            stderr,
          ) ?? assert.fail(stderr)
        assert.ok(objects.includes(module ?? ''), module)
        assert.deepEqual(readdirSync(directory).sort(), ['distributed.o', 'in-process.o', 'job'])
        const inProcess = readFileSync(join(directory, 'in-process.o'))
        assert.ok(!inProcess.equals(readFileSync(join(directory, 'distributed.o'))))
        must(codegenProgram(), ['--job', join(directory, 'job'), '-o', 'again.o'], { cwd })
        assert.ok(
          inProcess.equals(readFileSync(join(cwd, 'again.o'))),
          'the job does not give the object that was made in the linker',
        )
      }))
  }

  test('of a sample compares that share of the jobs, the same ones each time', () =>
    inTemporaryDirectory((cwd) => {
      const sources = Array.from({ length: 40 }, (_, i) => `m${String(i)}.c`)
      for (const [i, source] of sources.entries()) {
        writeFileSync(
          join(cwd, source),
          `int f${String(i)}(int *a, int n) { int s = 0; while (n--) s += a[n]; return s; }\n`,
        )
      }
      must(CLANG, ['-flto=thin', '-O2', '-c', ...sources], { cwd })
      const objects = sources.map((source) => source.replace('.c', '.o'))
      /** The modules that were found to differ: those that were compared, up to the first, at which the link ends. */
      const compared = (share: string): string[] => {
        const options = [`--distribute=${WRONG}`, '--distribute-fallback=none', `--distribute-verify=${share}`]
        const { exitCode, stderr } = run(DTLTO, ['-shared', ...objects, '-o', 'out', ...options], { cwd })
        const named = [...stderr.matchAll(/the distributed object of '([^']+)' differs/g)].map(([, name = '']) => name)
        assert.equal(exitCode, named.length > 0 ? 1 : 0, stderr)
        return named
      }
      assert.deepEqual(compared('0%'), [])
      const kept = (): string[] => readdirSync(cwd).filter((name) => name.startsWith('dtlto-verify-'))
      assert.deepEqual(kept(), [])
      // Any of the sample may be the first to come back.
      for (let i = 0; i < 2; i++) assert.ok(compared('5%').length > 0)
      assert.ok(kept().length <= 6, `of forty modules more than a twentieth: ${kept().join()}`)
      assert.ok(compared('100%').length > 0)
    }))

  test('is off by default: then a wrong object is taken', () =>
    inTemporaryDirectory((cwd) => {
      const args = [
        ...x86_64.program,
        ...compileFor(x86_64, cwd),
        `--distribute=${WRONG}`,
        '--distribute-fallback=none',
      ]
      assert.equal(link(x86_64, 'dtlto', cwd, args).exitCode, 0)
      assert.deepEqual(
        readdirSync(cwd).filter((name) => name.includes('verify')),
        [],
      )
    }))
})
