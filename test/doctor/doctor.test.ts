import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { CLANG, DTLTO_BIN, LLVM_BIN, type Ran, run } from '../link/toolchain.js'

const PLUGIN = pathToFileURL(join(DTLTO_BIN, '../dist/plugin.js')).href

describe('dtlto doctor', () => {
  let cwd = ''
  let path = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
    mkdirSync(join(cwd, 'bin'))
    symlinkSync(CLANG, join(cwd, 'bin/clang'))
    path = [join(cwd, 'bin'), DTLTO_BIN, '/usr/local/bin', '/usr/bin', '/bin'].join(':')
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const dtlto = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran =>
    run(join(DTLTO_BIN, 'dtlto'), args, { cwd, env: { PATH: path, MAKEFLAGS: '', ...env } })
  const plugin = (name: string, methods: string): string => {
    const file = join(cwd, `${name}.mjs`)
    writeFileSync(
      file,
      `import { defineDistributor, DtltoError } from ${JSON.stringify(PLUGIN)}
       export default defineDistributor({ name: '${name}', apiVersion: '1.0.0', options: {}, open: () => ({
         close: async () => {}, destroy: () => {}, ${methods} }) })`,
    )
    return file
  }

  test('finds nothing wrong with a good installation, and compiles a job in this process', () => {
    const { exitCode, stdout } = dtlto(['doctor'])
    assert.match(stdout, /^ok {4}Node \d+/m)
    assert.match(stdout, /^ok {4}stock lld \d+\.\d+\.\d+ in/m)
    assert.match(stdout, /^ok {4}clang \d+\.\d+\.\d+/m)
    assert.match(stdout, /^ok {4}clang -fuse-ld=dtlto starts '.*ld\.dtlto'/m)
    assert.match(stdout, /^ok {4}local: compiled a small job/m)
    assert.match(stdout, /All is well/)
    assert.equal(exitCode, 0)
  })

  test('shows what each distributor says of itself, also of those that work', () => {
    const file = plugin(
      'farm',
      `status: () => ({ slots: 7, busy: 0, queued: 0, accepting: true, text: 'all up',
         workers: [{ name: 'w1', slots: 7, busy: 0, accepting: true }] }),
       compile: async (job, signal) => ({ ...(await job.compileInProcess(signal)), worker: 'w1' })`,
    )
    const { exitCode, stdout } = dtlto(['doctor', `--distribute=${file}`, '--distribute=local'])
    assert.match(stdout, /ok {4}\S*farm\.mjs: compiled a small job on w1/)
    assert.match(stdout, /7 slots, all up\n +w1: takes work, 7 slots/)
    assert.match(stdout, /ok {4}local: compiled/)
    assert.equal(exitCode, 0)
  })

  test('names what is wrong with a distributor, tries the others all the same, and fails', () => {
    const broken = plugin(
      'broken',
      `status: () => ({ slots: 1, busy: 0, queued: 0, accepting: true }),
       compile: async () => { throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'the cable is out') }`,
    )
    const cannot = plugin(
      'choosy',
      `status: () => ({ slots: 1, busy: 0, queued: 0, accepting: true }),
       compile: async () => ({ kind: 'cannot', reason: 'only on Sundays' })`,
    )
    const args = [broken, cannot, 'nobody-has-this', 'local,slots=0', 'local'].map((name) => `--distribute=${name}`)
    const { exitCode, stdout } = dtlto(['doctor', ...args])
    assert.match(stdout, /BAD {3}\S*broken\.mjs: .*\n +the cable is out/)
    assert.match(stdout, /BAD {3}\S*choosy\.mjs: .*\n +it cannot take the job: only on Sundays/)
    assert.match(stdout, /BAD {3}nobody-has-this: no distributor 'nobody-has-this' could be loaded/)
    assert.match(stdout, /BAD {3}local: .*expected an integer from 1 to 4096 but received '0'/)
    assert.match(stdout, /ok {4}local: compiled/)
    assert.equal(exitCode, 1)
  })

  test('reports settings that cannot be used, and where they are', () => {
    writeFileSync(join(cwd, 'dtlto.toml'), 'distribut = "local"\n')
    try {
      const { exitCode, stdout } = dtlto(['doctor'])
      assert.match(stdout, /BAD {3}unknown setting 'distribut' in '.*dtlto\.toml'/)
      assert.equal(exitCode, 1)
    } finally {
      rmSync(join(cwd, 'dtlto.toml'))
    }
    assert.match(dtlto(['doctor'], { DTLTO_FALLBACK: 'maybe' }).stdout, /BAD {3}DTLTO_FALLBACK: expected local or none/)
    assert.match(dtlto(['doctor', 'x.o']).stdout, /BAD {3}'x\.o' is not an option of dtlto/)
  })

  test('says when clang does not find ld.dtlto, and how it would', () => {
    const bare = join(cwd, 'bin')
    const { exitCode, stdout } = dtlto(['doctor'], { PATH: `${bare}:/usr/bin:/bin` })
    assert.match(stdout, /BAD {3}clang -fuse-ld=dtlto finds no 'ld\.dtlto'\n +to do: PATH=.*\/bin:\$PATH/)
    assert.equal(exitCode, 1)
  })

  test('says when clang is newer than the LLVM of dtlto', () => {
    const directory = join(cwd, 'newer')
    mkdirSync(directory)
    writeFileSync(join(directory, 'clang'), '#!/bin/sh\necho clang version 99.1.0\n', { mode: 0o755 })
    const { exitCode, stdout } = dtlto(['doctor'], { PATH: `${directory}:${path}` })
    assert.match(stdout, /BAD {3}'.*clang' is clang 99\.1\.0: LLVM .* cannot read its bitcode\n +to do: compile with/)
    assert.ok(stdout.includes(LLVM_BIN) || stdout.includes('clang-'))
    assert.equal(exitCode, 1)
  })

  test('says when a native part is missing, and how to get it', () => {
    const { exitCode, stdout } = dtlto(['doctor'], { DTLTO_NATIVE: join(cwd, 'none.node') })
    assert.match(stdout, /BAD {3}the native part of dtlto could not be loaded\n +tried '.*none\.node': no such file/)
    assert.equal(exitCode, 1)
  })

  test('is one of the commands of dtlto, beside --help and --version', () => {
    assert.match(dtlto(['--version']).stdout, /^dtlto \d+\.\d+\.\d+ \(LLVM \d+\.\d+\.\d+\)\n$/)
    const help = dtlto(['--help'])
    assert.match(help.stdout, /dtlto doctor/)
    assert.match(help.stdout, /--distribute-summary/)
    assert.equal(help.exitCode, 0)
    assert.equal(dtlto([]).exitCode, 1)
    const unknown = dtlto(['docter'])
    assert.match(unknown.stderr, /^dtlto: error: unknown command 'docter': expected doctor/)
    assert.equal(unknown.exitCode, 1)
  })
})
