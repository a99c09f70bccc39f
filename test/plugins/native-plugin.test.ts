import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { conformance } from '@dtlto/testkit'
import type { DistributorDefinition } from 'dtlto/plugin'
import { compile, DTLTO, inTemporaryDirectory, must, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const BUILD = fileURLToPath(new URL('../../examples/native-plugin/build.sh', import.meta.url))

const directory = mkdtempSync(join(tmpdir(), 'dtlto-native-plugin-'))
after(() => rmSync(directory, { recursive: true, force: true }))
execFileSync(BUILD, [directory], { stdio: 'inherit' })

const library = join(directory, 'native_plugin.node')
const loaded = { exports: {} as DistributorDefinition }
process.dlopen(loaded, library)

conformance({ definition: loaded.exports, distribute: `${library},slots=3` })

test('a link with a distributor from a shared library has the bytes of stock lld', () =>
  inTemporaryDirectory((cwd) => {
    const objects = compile(cwd, SMALL_PROGRAM)
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
    const ours = [`--distribute=${library}`, '--distribute-fallback=none']
    must(DTLTO, ['-shared', ...objects, '-o', 'ours', ...ours], { cwd })
    assert.ok(readFileSync(join(cwd, 'ours')).equals(readFileSync(join(cwd, 'stock'))))
  }))
