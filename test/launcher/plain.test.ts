/** Links that ask for nothing of dtlto's are stock lld: without Node, and in its words. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  compile,
  DTLTO,
  DTLTO_BIN,
  inTemporaryDirectory,
  LLVM_BIN,
  must,
  run,
  SMALL_PROGRAM,
  LLVM_MAJOR,
} from '../link/toolchain.js'
import { writeShim } from './installation.js'

describe('a link that asks for nothing of dtlto', () => {
  let cwd = ''
  let objects: string[] = []
  /** A Node that says so and fails. */
  let witness = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    objects = compile(cwd, SMALL_PROGRAM)
    witness = writeShim(cwd, 'witness', '#!/bin/sh\necho Node was started >&2\nexit 9\n')
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const link = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}, directory = cwd) =>
    run(DTLTO, ['-shared', '-o', 'out', ...objects.map((object) => join(cwd, object)), ...args], {
      cwd: directory,
      env: { DTLTO_NODE: witness, ...env },
    })

  it('starts no Node', () => {
    const none: readonly (readonly [args: string[], env: Record<string, string>])[] = [
      [[], {}],
      [['-Map=map', '--threads=1'], { DTLTO_DISTRIBUTE: '', DTLTO_NATIVE: '/nonexistent', DTLTO_TEST_FULL: '1' }],
      [['-L', '/distribute:local'], { NODE_OPTIONS: '--bogus' }],
    ]
    for (const [args, env] of none) assert.deepEqual(link(args, env), { exitCode: 0, stdout: '', stderr: '' })
  })

  it('is another when an option, a variable or a file asks', () => {
    writeFileSync(join(cwd, 'inner'), '--distribute-summary')
    writeFileSync(join(cwd, 'outer'), `"@inner" --strip-all`)
    const utf16 = Buffer.from('\uFEFF--distribute=local', 'utf16le')
    writeFileSync(join(cwd, 'utf16'), utf16)
    mkdirSync(join(cwd, 'below/further'), { recursive: true })
    const asks = [
      () => link(['--distribute=local']),
      () => link(['--distribute-unknown']),
      () => link(['@outer']),
      () => link(['@utf16']),
      () => link([], { DTLTO_DISTRIBUTE: 'local' }),
      () => link([], { DTLTO_DISTRIBUT: 'local' }),
      () => link(['--help']),
    ]
    for (const ask of asks) assert.match(ask().stderr, /Node was started/, ask.toString())
    const below = join(cwd, 'below/further')
    writeFileSync(join(cwd, 'dtlto.toml'), '')
    assert.match(link([], {}, below).stderr, /Node was started/)
    unlinkSync(join(cwd, 'dtlto.toml'))
    // One that cannot be read is named, and does not hang the link.
    must('mkfifo', ['dtlto.toml'], { cwd })
    const { exitCode, stderr } = link([], { DTLTO_NODE: '' }, below)
    unlinkSync(join(cwd, 'dtlto.toml'))
    assert.equal(exitCode, 0)
    assert.match(stderr, /^ld\.dtlto: warning: .*not a regular file.*\n$/)
  })

  it('works in an empty environment', () => {
    const { status, stderr } = spawnSync(DTLTO, ['-shared', '-o', 'out', ...objects], {
      cwd,
      env: {},
      encoding: 'utf8',
    })
    assert.deepEqual([status, stderr], [0, ''])
  })

  it('works in a directory that was deleted, and so does one with a distributor', () => {
    for (const option of ['', '--distribute=local']) {
      const script = `mkdir gone; cd gone; rmdir ../gone; exec '${DTLTO}' -shared -o ../out ${objects
        .map((object) => `'${join(cwd, object)}'`)
        .join(' ')} ${option}`.replace('../out', join(`'${cwd}'`, 'out'))
      assert.deepEqual(run('sh', ['-c', script], { cwd }), { exitCode: 0, stdout: '', stderr: '' }, option)
    }
  })

  it('ends as stock lld does when nobody reads its output, and when there is no room for it', () => {
    // The reader goes before the linker starts.
    const broken = 'exec 3> >(true); wait $!; "$@" >&3'
    const full = '"$@" > /dev/full'
    for (const script of [broken, full]) {
      const end = (...command: string[]) => run('bash', ['-c', script, 'bash', ...command], { cwd }).exitCode
      const stock = end(join(LLVM_BIN, 'ld.lld'), '--version')
      assert.equal(stock, script === broken ? 141 : 0)
      assert.equal(end(DTLTO, '--version'), stock)
      assert.equal(end(DTLTO, '--version', '--distribute=local'), stock)
      assert.equal(end(DTLTO, '--help'), stock)
    }
  })
})

/** Every name under which stock lld does something, its own error included. */
const NAMES = [
  'ld',
  'ld.lld',
  `ld.lld-${LLVM_MAJOR}`,
  'x86_64-linux-gnu-ld.lld',
  'aarch64-linux-android-ld.lld',
  'lld-gnu',
  'ld64.lld',
  'lld-darwin',
  'lld-link',
  'LLD-LINK.EXE',
  'wasm-ld',
  'lld',
  'ld.gold',
]

describe('the names of the program', () => {
  const say = (program: string, args: readonly string[], cwd: string) => {
    const ran = spawnSync(program, args, { cwd, encoding: 'utf8' })
    return { exitCode: ran.status, stdout: ran.stdout, stderr: ran.stderr }
  }

  it('are those of stock lld, with its words', () =>
    inTemporaryDirectory((cwd) => {
      for (const side of ['stock', 'dtlto']) mkdirSync(join(cwd, side))
      for (const name of NAMES) {
        symlinkSync(join(LLVM_BIN, 'lld'), join(cwd, 'stock', name))
        symlinkSync(DTLTO, join(cwd, 'dtlto', name))
        for (const args of [['--version'], ['no-such-file'], ['-flavor', 'gnu', 'no-such-file'], ['-flavor']]) {
          const [stock, dtlto] = ['stock', 'dtlto'].map((side) => say(join(cwd, side, name), args, cwd))
          assert.deepEqual(dtlto, stock, `${name} ${args.join(' ')}`)
        }
        const [stock, dtlto] = ['stock', 'dtlto'].map((side) => {
          const own =
            side === 'dtlto'
              ? [name.toLowerCase().startsWith('lld-link') ? '/distribute:local' : '--distribute=local']
              : []
          return say(join(cwd, side, name), ['no-such-file', ...own], cwd)
        })
        if (name === 'lld' || name === 'ld.gold')
          assert.match(dtlto?.stderr ?? '', /cannot tell the format from the name/)
        else assert.deepEqual(dtlto, stock, `${name} with a distributor`)
      }
    }))

  it('of dtlto mean what those of lld mean, with what is before and after them', () =>
    inTemporaryDirectory((cwd) => {
      for (const [name, stock] of [
        ['ld.dtlto', 'ld.lld'],
        [`ld.dtlto-${LLVM_MAJOR}`, `ld.lld-${LLVM_MAJOR}`],
        ['aarch64-linux-gnu-ld.dtlto', 'aarch64-linux-gnu-ld.lld'],
        ['ld64.dtlto', 'ld64.lld'],
        ['wasm-ld.dtlto', 'wasm-ld'],
        ['dtlto-link.exe', 'lld-link.exe'],
      ] as const) {
        symlinkSync(join(DTLTO_BIN, 'dtlto'), join(cwd, name))
        symlinkSync(join(LLVM_BIN, 'lld'), join(cwd, stock))
        const ours = say(join(cwd, name), ['no-such-file'], cwd)
        assert.deepEqual(ours, say(join(cwd, stock), ['no-such-file'], cwd), name)
      }
      symlinkSync(DTLTO, join(cwd, `dtlto-${LLVM_MAJOR}`))
      assert.match(say(join(cwd, `dtlto-${LLVM_MAJOR}`), ['--help'], cwd).stdout, /dtlto doctor/)
    }))
})
