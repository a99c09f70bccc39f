import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { conformance } from '@dtlto/testkit'
import { loadCPlugin } from 'dtlto/plugin'
import { prepare } from '../programs/programs.js'
import { run as programRun, tryRun } from '../programs/run.js'
import { compile, DTLTO, must, type Ran, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const HEADERS = path('../../packages/native/include')

const directory = mkdtempSync(join(tmpdir(), 'dtlto-c-plugin-'))
after(() => rmSync(directory, { recursive: true, force: true }))
execFileSync(path('../../examples/c-plugin/build.sh'), [directory], { stdio: 'inherit' })
const example = join(directory, 'libthreads.so')

/** A library of test/plugins/c-plugin, built with these definitions. */
function build(source: string, name: string, ...definitions: string[]): string {
  const library = join(directory, `lib${name}.so`)
  const flags = (process.env['CFLAGS'] ?? '').split(' ').filter(Boolean)
  const args = ['-std=gnu11', '-g', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-pthread', '-I', HEADERS]
  const compiler = process.env['CC'] ?? 'cc'
  must(compiler, [...args, ...flags, ...definitions, path(`c-plugin/${source}`), '-o', library], { cwd: directory })
  return library
}

conformance({ definition: loadCPlugin(example), options: { slots: 3 }, distribute: `${example},slots=3` })

describe('a distributor in C', () => {
  let objects: string[] = []
  let stock: Buffer
  before(() => {
    objects = compile(directory, SMALL_PROGRAM)
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd: directory })
    stock = readFileSync(join(directory, 'stock'))
  })

  const link = (...args: string[]): Ran => {
    const ran = run(DTLTO, ['-shared', ...objects, '-o', 'ours', ...args], { cwd: directory })
    if (ran.exitCode === 0) assert.ok(readFileSync(join(directory, 'ours')).equals(stock), 'the bytes of stock lld')
    return ran
  }
  const quiet: Ran = { exitCode: 0, stdout: '', stderr: '' }
  const alone = '--distribute-fallback=none'

  it('is written in less than 150 lines of code', () => {
    const lines = readFileSync(path('../../examples/c-plugin/threads.c'), 'utf8').match(/^.*\S/gm)?.length ?? 0
    assert.ok(lines < 150, String(lines))
  })

  it('carries messages, and is found by a relative path and by a versioned name', () => {
    symlinkSync(example, join(directory, 'libversioned.so.1.2'))
    for (const name of [example, './libthreads.so', 'libthreads.so', './libversioned.so.1.2'])
      assert.deepEqual(link(`--distribute=${name}`, alone), quiet)
  })

  it('works beside local', () => {
    assert.deepEqual(link(`--distribute=${example}`, '--distribute=local'), quiet)
  })

  for (const form of ['DTLTO_DIRECTORY', 'DTLTO_CLANG']) {
    it(`gets its jobs as files: ${form}`, () => {
      const library = build('forms.c', form, `-DFORM=${form}`)
      const { exitCode, stderr } = link(`--distribute=${library}`, alone, '--distribute-summary')
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, new RegExp(`forms +${objects.length} jobs`))
    })
  }

  // With DTLTO_TEST_FULL=1: a program of 374 modules.
  it('links git beside local', { skip: process.env['DTLTO_TEST_FULL'] !== '1' }, async () => {
    const { linkArgs, directory: cwd } = await prepare('git')
    const [theirs, ours] = [join(directory, 'git-stock'), join(directory, 'git-ours')]
    await programRun(STOCK, [...linkArgs, '-o', theirs], { cwd })
    const options = [`--distribute=${example},slots=1`, '--distribute=local,slots=1', '--distribute-summary']
    const { exitCode, stderr } = await tryRun(DTLTO, [...linkArgs, '-o', ours, ...options], { cwd })
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, /threads +[1-9]\d+ jobs/)
    assert.match(stderr, /local +[1-9]\d+ jobs/)
    assert.ok(readFileSync(ours).equals(readFileSync(theirs)))
  })

  it('refuses options by its schema', () => {
    for (const [option, message] of [
      ['slots=0', /option 'slots' of 'threads': expected an integer from 1 to 256 but received '0'/],
      ['slot=3', /'threads' has no option 'slot': it has slots, did you mean 'slots'\?|has no option 'slot'/],
    ] as const) {
      const { exitCode, stderr } = link(`--distribute=${example},${option}`)
      assert.equal(exitCode, 1)
      assert.match(stderr, message)
    }
  })

  it('is an error that says why if it cannot be loaded', () => {
    writeFileSync(join(directory, 'text.so'), 'no library')
    writeFileSync(join(directory, 'empty.c'), 'int nothing;\n')
    must('cc', ['-shared', 'empty.c', '-o', 'empty.so'], { cwd: directory })
    const old = build('misbehaving.c', 'old', '-DABI=7')
    const bare = build('misbehaving.c', 'bare', '-DCOMPILE=NULL', '-Wno-unused-function')
    for (const [library, message] of [
      ['./text.so', /text\.so: (file too short|invalid ELF header)/],
      ['./missing.so', /missing\.so: cannot open shared object file/],
      ['./empty.so', /no symbol dtlto_plugin_v1/],
      [old, /built for version 7 of dtlto_plugin\.h, this dtlto has version 1/],
      [bare, /its table lacks name, open, compile, cancel or destroy/],
    ] as const) {
      const { exitCode, stderr } = link(`--distribute=${library}`)
      assert.equal(exitCode, 1, library)
      assert.match(stderr, message)
    }
  })

  describe('that misbehaves costs time, not the link:', () => {
    let library = ''
    before(() => {
      library = build('misbehaving.c', 'misbehaving')
    })

    const cases: Readonly<Record<string, RegExp>> = {
      closed: /the farm is \\x1B\[31mclosed/,
      silent: /open\(\) failed and did not say why/,
      twice: /misbehaving: no$/m,
      'dying-thread': /a thread said so/,
      garbage: /not a result: it begins with '/,
      half: /the answer ends after 100 bytes/,
      empty: /the answer ends after 0 bytes/,
      outcome: /finished a call with the outcome 4711, which is none/,
      'null-result': /finish\(\) was called without a result/,
      'old-result': /the plugin did not say why/,
      'no-name': /expected a string for "id" but received ''/,
      'no-slots': /it does not accept any/,
      'million-slots': /misbehaving: no$/m,
      young: /it does not accept any/,
      'null-endpoint': /misbehaving: no$/m,
    }
    for (const [how, message] of Object.entries(cases)) {
      it(how, () => {
        const distribute = `--distribute=${library},how=${how}`
        const { exitCode, stderr } = link(distribute)
        assert.equal(exitCode, 0, stderr)
        // A busy machine may compile the jobs itself before their answers are read, and then has nothing to say.
        const refused = link(distribute, alone)
        assert.equal(refused.exitCode, 1, refused.stderr)
        assert.match(refused.stderr, message)
      })
    }

    // Who never answers is waited for until the job's deadline; this machine does not.
    for (const how of ['never', 'late']) {
      it(`answers ${how}`, () => {
        const { exitCode, stderr } = link(`--distribute=${library},how=${how}`, '--distribute=local')
        assert.deepEqual([exitCode, stderr], [0, `ld.dtlto: warning: misbehaving: ${how}\n`])
      })
    }

    it('in the wrong form', () => {
      const wrong = build('misbehaving.c', 'wrong-form', '-DFORM=99')
      const { exitCode, stderr } = link(`--distribute=${wrong},how=twice`)
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, /wants its jobs in the form 99, which is none/)
    })
  })
})
