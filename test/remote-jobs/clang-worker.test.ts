import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inTemporaryDirectory } from '../link/toolchain.js'
import {
  aarch64,
  coffArm64,
  coffX64,
  i386,
  machoArm64,
  machoX64,
  mingwX64,
  riscv64,
  type Target,
  wasm32,
  x86_64,
} from '../parity/targets.js'
import { compileFor, link, own } from './small-links.js'

const PLUGIN = fileURLToPath(new URL('clang-worker.js', import.meta.url))
const MODULES = 3

interface Case {
  readonly target: Target
  readonly what?: string
  readonly args?: readonly string[]
  readonly flags?: readonly string[]
  /** Why clang cannot be told; without it every job must be clang's. */
  readonly cannot?: RegExp
}

const PROFILE = 'entry:4200:10\n 1: 10\n 2: 200 twice:200\ntotal:9000:900\n 0: 900\n'
const BB_LIST = 'v1\nf entry\nc 0\nf total\nc 0 1\n'

const CASES: readonly Case[] = [
  ...[x86_64, aarch64, mingwX64, coffX64, coffArm64, machoX64, machoArm64, wasm32].map((target) => ({ target })),
  ...[x86_64, coffX64, mingwX64].map((target) => ({ target, what: '-g', flags: ['-g'] })),
  { target: x86_64, what: '-shared', args: ['-shared'], flags: ['-fPIC'] },
  { target: x86_64, what: '-pie', args: ['-pie'] },
  { target: x86_64, what: '--lto-O3', args: ['--lto-O3'] },
  { target: x86_64, what: 'a sample profile', args: ['--lto-sample-profile=profile'] },
  { target: aarch64, what: 'a sample profile', args: ['--lto-sample-profile=profile'] },
  { target: x86_64, what: 'basic block sections', args: ['--lto-basic-block-sections=all'] },
  { target: x86_64, what: 'a list of basic block sections', args: ['--lto-basic-block-sections=bb-list'] },
  { target: x86_64, what: '-mllvm', args: ['-mllvm', '-inline-threshold=2'] },
  { target: x86_64, what: '-plugin-opt=-x', args: ['-plugin-opt=-inline-threshold=2'] },
  { target: wasm32, what: '-mllvm', args: ['-mllvm', '-inline-threshold=2'] },
  { target: x86_64, what: 'a processor', args: ['--plugin-opt=mcpu=haswell'] },
  { target: x86_64, what: 'features', args: ['-mllvm', '-mattr=+avx2'] },
  { target: machoArm64, what: 'a processor', args: ['-mcpu', 'apple-m2'] },
  { target: x86_64, what: 'a code model', args: ['-mllvm', '-code-model=large'] },
  { target: x86_64, what: '--lto-O0', args: ['--lto-O0'], cannot: /--lto-O/ },
  { target: x86_64, what: '--lto-O1', args: ['--lto-O1'], cannot: /--lto-O/ },
  { target: coffX64, what: '/opt:lldlto=1', args: ['/opt:lldlto=1'], cannot: /--lto-O/ },
  { target: x86_64, what: '--lto-CGO3', args: ['--lto-CGO3'], cannot: /--lto-CGO/ },
  { target: x86_64, what: 'a .dwo directory', args: ['--plugin-opt=dwo_dir=dwo'], cannot: /DwoDir/ },
  { target: x86_64, what: 'remarks', args: ['--plugin-opt=opt-remarks-filename=r'], cannot: /Remarks/ },
  { target: x86_64, what: 'a custom pipeline', args: ['--lto-newpm-passes=default<O2>'], cannot: /OptPipeline/ },
  { target: riscv64, cannot: /has not been compared.*riscv64/ },
  { target: i386, cannot: /has not been compared.*i386|has not been compared.*i686/ },
]

/** Links with stock lld and with stock clang as worker; gives what the worker said of its jobs. */
function linkBoth(cwd: string, { target, args = [], flags = [], cannot }: Case, options = ''): string[] {
  const objects = compileFor(target, cwd, flags)
  writeFileSync(join(cwd, 'profile'), PROFILE)
  writeFileSync(join(cwd, 'bb-list'), BB_LIST)
  const all = [...target.program, ...args, ...objects]
  const stock = link(target, 'stock', cwd, all)
  assert.equal(stock.exitCode, 0, stock.stderr)
  const log = join(cwd, 'log')
  process.env['DTLTO_CLANG_WORKER_LOG'] = log
  // Without the linker's process as a second place, every job is the worker's.
  const alone = cannot || options ? [] : [own(target, 'distribute-fallback=none')]
  const dtlto = link(target, 'dtlto', cwd, [...all, own(target, `distribute=${PLUGIN}${options}`), ...alone])
  assert.equal(dtlto.exitCode, 0, dtlto.stderr)
  assert.ok(dtlto.bytes?.equals(stock.bytes ?? Buffer.alloc(0)), 'the output differs from that of stock lld')
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []
}

describe('a stock clang as worker', () => {
  for (const each of CASES) {
    const what = each.what === undefined ? each.target.name : `${each.target.name} with ${each.what}`
    test(`${each.cannot ? 'is not asked' : 'gives the bytes of stock lld'} for ${what}`, () =>
      inTemporaryDirectory((cwd) => {
        const log = linkBoth(cwd, each)
        // On a busy machine a job that is late is compiled twice.
        if (!each.cannot) return assert.match(log.join(' '), new RegExp(`^(compiled ?){${String(MODULES)},}$`))
        assert.ok(log.length > 0)
        for (const line of log) assert.match(line, new RegExp(`^cannot .*(${each.cannot.source})`))
      }))
  }

  for (const [target, faults] of [
    [x86_64, ['empty', 'truncated', 'short', 'page', 'words']],
    [coffX64, ['truncated', 'short', 'page']],
    [machoArm64, ['truncated', 'short', 'page']],
    [wasm32, ['truncated', 'short', 'page']],
  ] as const) {
    for (const fault of faults) {
      test(`whose answers for ${target.name} are wrong (${fault}) costs time and not the link`, () =>
        inTemporaryDirectory((cwd) => {
          linkBoth(cwd, { target }, `,fault=${fault}`)
        }))
    }
  }

  test('that is not there costs time and not the link', () =>
    inTemporaryDirectory((cwd) => {
      assert.deepEqual(linkBoth(cwd, { target: x86_64 }, ',clang=no-such-clang'), [])
    }))
})
