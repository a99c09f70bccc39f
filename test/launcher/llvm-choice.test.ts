import { strict as assert } from 'node:assert'
import { chmodSync, copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DTLTO_BIN, inTemporaryDirectory, LLVM_MAJOR, run } from '../link/toolchain.js'

/** Which LLVM links, by launcher/llvm_choice.h. What is chosen says so and does nothing; test/link/llvm-versions.test.ts has real ones. */
const FIRST = LLVM_MAJOR
const OTHER = FIRST === '22' ? '23' : '22'

function writeProgram(path: string, script: string): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

/** Two versions; gives the directory of the programs. */
function installation(root: string, majors: readonly string[] = [FIRST, OTHER]): string {
  for (const major of majors) {
    const build = join(root, 'native/build', major === FIRST ? '' : `llvm-${major}`)
    writeProgram(join(build, 'dtlto-lld'), `echo LLVM ${major}`)
    writeFileSync(join(build, 'stock-bin'), `/usr/lib/llvm-${major}/bin`)
  }
  // No Node is started: nothing that runs here asks for dtlto.
  const bin = join(root, 'dtlto/bin')
  cpSync(DTLTO_BIN, bin, { recursive: true })
  return bin
}

function withInstallation(use: (bin: string, cwd: string) => void, majors?: readonly string[]): Promise<void> {
  return inTemporaryDirectory((cwd) => {
    use(installation(join(cwd, 'installed'), majors), cwd)
  })
}

/** A link of a program to `bin/ld.dtlto`. */
function named(bin: string, path: string): string {
  mkdirSync(join(path, '..'), { recursive: true })
  symlinkSync(join(bin, 'ld.dtlto'), path)
  return path
}

describe('the LLVM that links', () => {
  const say = (program: string, cwd: string, env: Readonly<Record<string, string>> = {}) =>
    run(program, ['x.o'], { cwd, env: { DTLTO_LLVM: '', ...env } }).stdout.trim()

  it('is the first one when nothing asks for another', () =>
    withInstallation((bin, cwd) => {
      for (const program of ['ld.dtlto', 'ld64.dtlto', 'wasm-ld.dtlto', 'dtlto-link'])
        assert.equal(say(join(bin, program), cwd), `LLVM ${FIRST}`, program)
    }))

  it('is that of the name, whatever else is said', () =>
    withInstallation((bin, cwd) => {
      for (const major of [FIRST, OTHER]) {
        for (const name of ['ld.dtlto', 'x86_64-linux-gnu-ld.dtlto', 'ld64.dtlto', 'wasm-ld.dtlto', 'dtlto-link']) {
          const program = named(bin, join(cwd, 'llvm-99/bin', `${name}-${major}`))
          for (const DTLTO_LLVM of ['', FIRST, OTHER, '99'])
            assert.equal(say(program, cwd, { DTLTO_LLVM }), `LLVM ${major}`, program)
        }
      }
      assert.equal(say(named(bin, join(cwd, `dtlto-link-${OTHER}.exe`)), cwd), `LLVM ${OTHER}`)
      // Names of lld's own mean what they mean for lld.
      assert.equal(say(named(bin, join(cwd, `ld.lld-${OTHER}`)), cwd), `LLVM ${FIRST}`)
    }))

  it('is that of DTLTO_LLVM, which asks for nothing else', () =>
    withInstallation((bin, cwd) => {
      for (const major of [FIRST, OTHER])
        assert.equal(say(join(bin, 'ld.dtlto'), cwd, { DTLTO_LLVM: major }), `LLVM ${major}`)
      const beside = named(bin, join(cwd, `llvm-${OTHER}/bin/ld.dtlto`))
      assert.equal(say(beside, cwd, { DTLTO_LLVM: FIRST }), `LLVM ${FIRST}`)
    }))

  it('is that of the directory beside a clang in which it was found', () =>
    withInstallation((bin, cwd) => {
      const cases = { [`llvm-${OTHER}`]: OTHER, [`llvm-${FIRST}`]: FIRST, 'llvm-99': FIRST, llvm: FIRST }
      for (const [directory, major] of Object.entries(cases))
        assert.equal(say(named(bin, join(cwd, directory, 'bin/ld.dtlto')), cwd), `LLVM ${major}`, directory)
      assert.equal(say(named(bin, join(cwd, `llvm-${OTHER}/elsewhere/bin/ld.dtlto`)), cwd), `LLVM ${FIRST}`)
    }))

  it('is that of the clang that calls it', () =>
    withInstallation((bin, cwd) => {
      const cases = {
        [`llvm-${OTHER}/bin/clang`]: OTHER,
        [`opt/bin/clang-${OTHER}`]: OTHER,
        [`llvm-${FIRST}/bin/clang`]: FIRST,
        'llvm-99/bin/clang': FIRST,
        'opt/bin/clang': FIRST,
        [`llvm-${OTHER}/bin/make`]: FIRST,
      }
      for (const [path, major] of Object.entries(cases)) {
        const caller = join(cwd, path)
        mkdirSync(join(caller, '..'), { recursive: true })
        copyFileSync('/bin/sh', caller)
        const command = `"${join(bin, 'ld.dtlto')}" x.o; exit $?`
        const { stdout } = run(caller, ['-c', command], { cwd, env: { DTLTO_LLVM: '' } })
        assert.equal(stdout.trim(), `LLVM ${major}`, path)
      }
    }))

  it('is an error that names those that there are, where the one that was asked for is missing', () =>
    withInstallation((bin, cwd) => {
      const root = join(cwd, 'installed/dtlto')
      const fail = (program: string, DTLTO_LLVM: string) => {
        const { exitCode, stdout, stderr } = run(program, ['x.o'], { cwd, env: { DTLTO_LLVM } })
        assert.deepEqual([exitCode, stdout], [1, ''])
        return stderr
      }
      const advice = 'install dtlto for LLVM 99, or ask for another'
      assert.equal(
        fail(named(bin, join(cwd, 'ld.dtlto-99')), ''),
        `ld.dtlto-99: error: the name 'ld.dtlto-99' asks for LLVM 99, and '${root}' has LLVM ${FIRST}, ${OTHER}: ${advice}\n`,
      )
      assert.equal(
        fail(join(bin, 'ld.dtlto'), '99'),
        `ld.dtlto: error: DTLTO_LLVM asks for LLVM 99, and '${root}' has LLVM ${FIRST}, ${OTHER}: ${advice}\n`,
      )
      for (const value of ['x', '23x', '-1', '22.1.8', '99999'])
        assert.equal(
          fail(join(bin, 'ld.dtlto'), value),
          `ld.dtlto: error: DTLTO_LLVM: expected a version of LLVM (${FIRST}, ${OTHER}) but received '${value}'\n`,
        )
    }))

  it('is told of where there is but one', () =>
    withInstallation(
      (bin, cwd) => {
        assert.equal(say(named(bin, join(cwd, `ld.dtlto-${FIRST}`)), cwd), `LLVM ${FIRST}`)
        const { stderr } = run(named(bin, join(cwd, `ld.dtlto-${OTHER}`)), [], { cwd, env: { DTLTO_LLVM: '' } })
        assert.match(stderr, new RegExp(`asks for LLVM ${OTHER}, and '.*' has LLVM ${FIRST}: install`))
      },
      [FIRST],
    ))
})
