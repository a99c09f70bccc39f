/**
 * Damaged objects by chance and repeatable: DTLTO_FUZZ_COUNT of each kind (50) from number DTLTO_FUZZ_SEED on (1). What is accepted may be
 * wrong, and lld may refuse it, but it never crashes lld.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTemporaryDirectory } from '../link/toolchain.js'
import {
  aarch64,
  coffArm64,
  coffX64,
  coffX86,
  i386,
  machoArm64,
  machoX64,
  mingwX64,
  wasm32,
  x86_64,
} from '../parity/targets.js'
import { damageObjects, type ObjectsOf } from './damaged-objects.js'
import { Random } from './random.js'

const COUNT = Number(process.env['DTLTO_FUZZ_COUNT'] ?? 50)
const SEED = Number(process.env['DTLTO_FUZZ_SEED'] ?? 1)

const KINDS: readonly ObjectsOf[] = [
  { target: x86_64, what: 'PIC', flags: ['-fPIC', '-fexceptions'], args: [] },
  { target: x86_64, what: 'debug', flags: ['-fPIC', '-g', '-gz=zlib'], args: ['--gdb-index', '--emit-relocs'] },
  { target: x86_64, what: 'general-dynamic', flags: ['-fPIC', '-ftls-model=global-dynamic'], args: ['-no-pie'] },
  { target: i386, what: 'PIC', flags: ['-fPIC', '-fexceptions'], args: ['-Bsymbolic'] },
  { target: aarch64, what: 'PIC', flags: ['-fPIC', '-fexceptions', '-mbranch-protection=standard'], args: [] },
  { target: coffX64, what: 'exceptions', flags: ['-DNO_TLS', '-fcxx-exceptions', '-fexceptions'], args: [] },
  { target: coffX64, what: 'debug', flags: ['-DNO_TLS', '-gcodeview', '-g'], args: ['/debug'] },
  { target: coffX86, what: 'plain', flags: ['-DNO_TLS'], args: ['/safeseh:no'] },
  { target: coffArm64, what: 'exceptions', flags: ['-DNO_TLS', '-fcxx-exceptions', '-fexceptions'], args: [] },
  { target: mingwX64, what: 'plain', flags: ['-DNO_TLS'], args: [] },
  { target: machoX64, what: 'exceptions', flags: ['-fexceptions'], args: ['--icf=all'] },
  { target: machoArm64, what: 'debug', flags: ['-fexceptions', '-g'], args: [] },
  { target: wasm32, what: 'debug', flags: ['-g'], args: [] },
  { target: wasm32, what: 'plain', flags: [], args: ['--compress-relocations', '--strip-all'] },
]

for (const [at, kind] of KINDS.entries()) {
  test(`damaged objects for ${kind.target.name} (${kind.what}) do not crash lld`, (context) =>
    inTemporaryDirectory(async (cwd) => {
      const { tried, accepted, refusedByLld, crashes } = await damageObjects(
        kind,
        cwd,
        COUNT,
        new Random(SEED * 100 + at),
      )
      const share = ((100 * accepted) / tried).toFixed(0)
      context.diagnostic(
        `of ${String(tried)} ${String(accepted)} accepted (${share} %); lld refused ${String(refusedByLld)}`,
      )
      assert.deepEqual(crashes, [])
      assert.ok(accepted < tried, 'nothing was refused')
    }))
}
