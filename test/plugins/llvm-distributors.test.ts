/**
 * The distributors that LLVM's own tests of DTLTO call (llvm/utils/dtlto, cross-project-tests/dtlto), as `external`, on the inputs that those tests are
 * about. The originals, from the source package of LLVM.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLANG, compile, DTLTO, LLVM_BIN, must, type Ran, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'
import { lldTests, NoLldTests } from '../lld-tests/source.js'

const source = await lldTests().catch((error: unknown) => {
  if (error instanceof NoLldTests) return error
  throw error
})
const utilities = source instanceof NoLldTests ? '' : join(source.directory, 'llvm/utils/dtlto')
const waiting = resolve(utilities, '../../../cross-project-tests/dtlto/local_codegen_and_wait.py')
const why =
  source instanceof NoLldTests
    ? `no source of LLVM to be had: ${source.message}`
    : !existsSync(waiting) && `the tests of ${source.about} have no distributors`

const ALONE = '--distribute-fallback=none'
const QUIET: Ran = { exitCode: 0, stdout: '', stderr: '' }

describe("LLVM's own distributors", { skip: why }, () => {
  let cwd = ''
  let temporary = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto llvm '))
    temporary = join(cwd, 'temporary')
    mkdirSync(temporary)
  })
  after(() => {
    rmSync(cwd, { recursive: true, force: true })
  })

  const external = (script: string, ...args: string[]): string =>
    `--distribute=external,program=python3,arg=${[resolve(utilities, script), ...args].join('+')}`
  const env = (): Record<string, string> => ({ TMPDIR: temporary, PYTHONDONTWRITEBYTECODE: '1' })
  const left = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('dtlto-external-'))
  const bytes = (name: string): Buffer => readFileSync(join(cwd, name))
  /** Links what stock lld has linked to 'stock'. */
  const link = (args: readonly string[], ...options: string[]): Ran => {
    rmSync(join(cwd, 'ours'), { force: true })
    const ran = run(DTLTO, [...args, '-o', 'ours', ...options], { cwd, env: env() })
    assert.deepEqual(left(), [], 'the temporary directory is removed')
    if (ran.exitCode === 0) assert.ok(bytes('ours').equals(bytes('stock')), 'the bytes of stock lld')
    return ran
  }
  const objects = (directory: string, flags: readonly string[] = []): string[] => {
    mkdirSync(join(cwd, directory), { recursive: true })
    return compile(join(cwd, directory), SMALL_PROGRAM, ['-fPIC', ...flags]).map((name) => `${directory}/${name}`)
  }
  const archive = (name: string, members: readonly string[], ...how: string[]): string => {
    must(join(LLVM_BIN, 'llvm-ar'), ['qcs', ...how, name, ...members], { cwd })
    return name
  }
  const module = (name: string, functions: string, ...flags: string[]): string => {
    writeFileSync(join(cwd, `${name}.c`), `int ${functions}(int x) { return x * ${String(functions.length)}; }\n`)
    must(CLANG, ['-O2', '-fPIC', ...flags, '-c', `${name}.c`, '-o', `${name}.o`], { cwd })
    return `${name}.o`
  }

  const inputs: Readonly<Record<string, () => readonly string[]>> = {
    'one module': () => [module('alone', 'alone', '-flto=thin')],
    'several modules': () => objects('several'),
    'members of archives with the same names': () => {
      mkdirSync(join(cwd, 'a'))
      mkdirSync(join(cwd, 'b'))
      return [
        '--whole-archive',
        archive('a/lib.a', [module('a/m', 'first', '-flto=thin')]),
        archive('b/lib.a', [module('b/m', 'second', '-flto=thin')]),
      ]
    },
    'two members of one archive with one name': () => {
      const [first, second] = [module('a/n', 'third', '-flto=thin'), module('b/n', 'fourth', '-flto=thin')]
      return ['--whole-archive', archive('twice.a', [first, second])]
    },
    'members of a thin archive': () => ['--whole-archive', archive('thin.a', objects('thin'), '--thin')],
    'members of full and thin LTO': () => [
      '--whole-archive',
      archive('mixed.a', [module('full', 'full', '-flto'), module('thin1', 'thinly', '-flto=thin')]),
    ],
    'modules in objects of machine code': () => ['--fat-lto-objects', ...objects('fat', ['-ffat-lto-objects'])],
    'modules of two parts': () => objects('parts', ['-fsplit-lto-unit']),
  }
  for (const [what, make] of Object.entries(inputs)) {
    it(`local.py compiles ${what}, and the bytes are stock lld's`, () => {
      const args = ['-shared', ...make()]
      must(STOCK, [...args, '-o', 'stock'], { cwd })
      assert.deepEqual(link(args, external('local.py'), ALONE), QUIET)
    })
  }

  describe('with a program of three modules', () => {
    let args: readonly string[] = []
    before(() => {
      args = ['-shared', ...objects('program')]
      must(STOCK, [...args, '-o', 'stock'], { cwd })
    })

    it('local.py fills no ThinLTO cache unless that is asked for, and then what stock lld reads', () => {
      const entries = (): string[] => readdirSync(join(cwd, 'cache')).filter((name) => name.startsWith('llvmcache-'))
      assert.deepEqual(link(args, external('local.py'), ALONE, '--thinlto-cache-dir=cache'), QUIET)
      assert.equal(existsSync(join(cwd, 'cache')) ? entries().length : 0, 0)
      const kept = ['--thinlto-cache-dir=cache', '--distribute-cache=all']
      assert.deepEqual(link(args, external('local.py'), ALONE, ...kept), QUIET)
      const made = entries().sort()
      assert.equal(made.length, args.length - 1)
      must(STOCK, [...args, '-o', 'cached', '--thinlto-cache-dir=cache'], { cwd })
      assert.deepEqual(entries().sort(), made)
    })

    it('validate.py has nothing to say against the JSON file, with arguments of its own', () => {
      // It prints the file and makes no objects; what it finds wrong it says by an exit code.
      const { exitCode, stderr } = link(args, external('validate.py', '--farm', 'a=b'), ALONE)
      assert.equal(exitCode, 1)
      assert.match(stderr, /it succeeded without making an output/)
      assert.doesNotMatch(stderr, /exit code|Error/)
      assert.deepEqual(link(args, external('validate.py'), '--distribute=local').exitCode, 0)
    })

    it('mock.py, which hands out files, costs time and never gives a wrong object', () => {
      // Blanks separate arguments, and so must not be in their names.
      const inputs = mkdtempSync(join(tmpdir(), 'dtlto-mock-'))
      writeFileSync(join(inputs, 'text.o'), 'no object\n')
      writeFileSync(join(inputs, 'empty.o'), '')
      cpSync(join(cwd, 'program/main.o'), join(inputs, 'main.o'))
      const wrong = ['text.o', 'empty.o', 'main.o'].map((name) => join(inputs, name))
      const { exitCode, stderr } = link(args, external('mock.py', ...wrong), ALONE)
      assert.equal(exitCode, 1)
      // It makes one output of a job's two.
      assert.match(stderr, /it succeeded without making an output: .*out\.dia/)
      assert.equal(link(args, external('mock.py', ...wrong)).exitCode, 0)
      rmSync(inputs, { recursive: true })
    })

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
      it(`local_codegen_and_wait.py, which waits, is gone with its files when the linker gets ${signal}`, async () => {
        const options = [external(waiting), ALONE]
        rmSync(join(cwd, 'send-signal1'), { force: true })
        const linker = spawn(DTLTO, [...args, '-o', 'ours', ...options], {
          cwd,
          env: { ...process.env, ...env() },
          stdio: 'ignore',
        })
        await untilThere(join(cwd, 'send-signal1'), linker)
        assert.equal(left().length, 1)
        linker.kill(signal)
        // Until the test's own limit.
        while (left().length > 0 || running(waiting).length > 0) await sleep(20)
      })
    }
  })
})

async function untilThere(path: string, linker: ChildProcess): Promise<void> {
  while (!existsSync(path)) {
    assert.equal(linker.exitCode, null, 'the linker has ended')
    await sleep(20)
  }
}

/** Processes with this in their command line. */
function running(argument: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0').includes(argument)
    } catch {
      return false // it has ended
    }
  })
}
