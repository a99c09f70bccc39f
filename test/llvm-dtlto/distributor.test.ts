/** Stock clang and lld with dtlto-distributor as LLVM's ThinLTO distributor. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codegenProgram } from '@dtlto/native'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { prepare } from '../programs/programs.js'
import { run as programRun } from '../programs/run.js'
import { compile, DTLTO_BIN, must, type Ran, run, SMALL_PROGRAM, STOCK, LLVM_MAJOR } from '../link/toolchain.js'

const DISTRIBUTOR = join(DTLTO_BIN, 'dtlto-distributor')
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))
const RUNNER = fileURLToPath(new URL('../../bench/plain-runner.mjs', import.meta.url))

describe('dtlto-distributor under stock lld', () => {
  let cwd = ''
  let objects: string[] = []
  let expected: Buffer
  let server: Distccd | undefined
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto llvm '))
    objects = compile(cwd, SMALL_PROGRAM)
    // An archive: lld writes its members into files of their own.
    must(`llvm-ar-${LLVM_MAJOR}`, ['rcs', 'lib.a', ...objects.slice(1)], { cwd })
    const plain = lld(process.execPath, [RUNNER])
    assert.deepEqual([plain.exitCode, plain.stderr], [0, ''])
    expected = readFileSync(join(cwd, 'out'))
    if (whyNoDistccd() === undefined) server = await Distccd.start({ jobs: 2, stats: false })
  })
  after(async () => {
    rmSync(cwd, { recursive: true })
    await server?.stop()
  })

  /** Stock lld's own DTLTO. */
  const lld = (distributor: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran => {
    rmSync(join(cwd, 'out'), { force: true })
    const options = ['-shared', '--whole-archive', '-o', 'out', objects[0] ?? '', 'lib.a']
    const dtlto = [
      `--thinlto-distributor=${distributor}`,
      `--thinlto-remote-compiler=/usr/bin/clang-${LLVM_MAJOR}`,
      ...args.map((argument) => `--thinlto-distributor-arg=${argument}`),
    ]
    return run(STOCK, [...options, ...dtlto], { cwd, env })
  }
  const check = ({ exitCode, stderr }: Ran, message: RegExp = /^$/): void => {
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, message)
    assert.ok(readFileSync(join(cwd, 'out')).equals(expected), 'the bytes of a plain distributor')
    assert.deepEqual(
      readdirSync(cwd).filter((name) => name.endsWith('.part')),
      [],
    )
  }

  it('compiles on this machine without settings', () => {
    check(lld(DISTRIBUTOR, []))
  })

  it('compiles all jobs on distccd, archive members too', { skip: whyNoDistccd() }, () => {
    const hosts = `hosts=${server?.address ?? ''}/2`
    const options = ['--distribute=distcc', 'stats-port=0', hosts, '--distribute-fallback=none', '--distribute-summary']
    check(lld(DISTRIBUTOR, options), /distcc +3 jobs/)
    check(lld(DISTRIBUTOR, ['--distribute-fallback=none'], { DTLTO_DISTRIBUTE: `distcc,stats-port=0,${hosts}` }))
  })

  // With DTLTO_TEST_FULL=1: a program of 127 modules.
  const isFull = process.env['DTLTO_TEST_FULL'] === '1' && whyNoDistccd() === undefined
  it('links redis over distccd', { skip: !isFull }, async () => {
    const { linkArgs, directory } = await prepare('redis')
    const link = async (distributor: string, ...args: string[]): Promise<Buffer> => {
      const options = args.map((argument) => `--thinlto-distributor-arg=${argument}`)
      const compiler = `--thinlto-remote-compiler=/usr/bin/clang-${LLVM_MAJOR}`
      const output = join(cwd, 'redis')
      await programRun(
        STOCK,
        [...linkArgs, '-o', output, `--thinlto-distributor=${distributor}`, compiler, ...options],
        {
          cwd: directory,
        },
      )
      return readFileSync(output)
    }
    const hosts = `hosts=${server?.address ?? ''}/2`
    const ours = await link(DISTRIBUTOR, '--distribute=distcc', 'stats-port=0', hosts, '--distribute-fallback=none')
    assert.ok(ours.equals(await link(process.execPath, RUNNER)))
  })

  it('compiles here what a server that is down does not', () => {
    check(lld(DISTRIBUTOR, ['--distribute=distcc', 'hosts=127.0.0.1:1/2']), /warning: distcc: /)
  })

  const REFUSED =
    /dtlto-codegen cannot take lld's commands: use a distributor that runs a stock clang .*, or link with ld\.dtlto/

  it('refuses distributors that compile with dtlto-codegen, whoever has written them', () => {
    const plugin = join(cwd, 'third-party.mjs')
    const definition = `{ name: 'third', apiVersion: '2.4.0', options: {}, compilesWith: () => 'dtlto-codegen', open() {} }`
    writeFileSync(plugin, `export default ${definition}\n`)
    const image = 'reapi,remote_executor=grpc://127.0.0.1:1,toolchain=image,image_compiler=/opt/dtlto-codegen'
    execFileSync(join(EXAMPLES, 'c-plugin/build.sh'), [cwd], { stdio: 'inherit' })
    const library = join(cwd, 'libthreads.so')
    for (const name of ['worker', 'ssh', 'reapi,remote_executor=grpc://127.0.0.1:1', image, plugin, library]) {
      const { exitCode, stderr } = lld(DISTRIBUTOR, [`--distribute=${name}`])
      assert.notEqual(exitCode, 0, name)
      assert.match(stderr, REFUSED)
      assert.match(stderr, /: '\S+' compiles with dtlto-codegen/)
    }
  })

  it('does without a distributor that does not say so, and tells why', () => {
    // Its shell gets the host's name first.
    writeFileSync(join(cwd, 'shell'), '#!/bin/sh\nshift\nexec sh -c "$*"\n', { mode: 0o755 })
    const options = ['hosts=here/2', 'shell=./shell', `codegen=${codegenProgram()}`]
    check(lld(DISTRIBUTOR, [`--distribute=${join(EXAMPLES, 'remote-shell/index.js')}`, ...options]), REFUSED)
  })

  it('fails when nobody can compile, and says so', () => {
    const options = ['--distribute=distcc', 'hosts=127.0.0.1:1/2', '--distribute-fallback=none']
    const { exitCode, stderr } = lld(DISTRIBUTOR, options)
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /dtlto-distributor: error: .*\.o/)
  })

  it('says what is wrong with its file', () => {
    const files: Readonly<Record<string, RegExp>> = {
      '': /JSON/,
      '[]': /no list common\.args/,
      '{"common":{"args":[]},"jobs":[]}': /no compiler in common\.args/,
      '{"common":{"args":["clang"]},"jobs":{}}': /no list of jobs/,
      '{"common":{"args":["clang"]},"jobs":[{"args":["-c"]}]}': /job 0 has no module, index or output/,
    }
    for (const [text, message] of Object.entries(files)) {
      writeFileSync(join(cwd, 'jobs.json'), text)
      const { exitCode, stderr } = run(DISTRIBUTOR, ['jobs.json'], { cwd })
      assert.equal(exitCode, 1)
      assert.match(stderr, message)
      assert.match(stderr, /'jobs\.json'/)
    }
    assert.match(run(DISTRIBUTOR, ['/nonexistent.json'], { cwd }).stderr, /ENOENT/)
    assert.match(run(DISTRIBUTOR, [], { cwd }).stderr, /expected options of dtlto and one JSON file/)
    assert.equal(existsSync(join(cwd, 'jobs.json.part')), false)
  })
})
