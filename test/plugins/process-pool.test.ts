import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { conformance } from '@dtlto/testkit'
import processPool from '../../examples/process-pool/index.js'
import { CLANG, compile, DTLTO_BIN, inTemporaryDirectory, must, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const PATH = fileURLToPath(new URL('../../examples/process-pool/index.js', import.meta.url))

conformance({ definition: processPool, options: { slots: 3 }, distribute: `${PATH},slots=3` })

test('a link with the process-pool example, as the guide says, has the bytes of stock lld', () =>
  inTemporaryDirectory((cwd) => {
    const objects = compile(cwd, SMALL_PROGRAM, ['-g'])
    const link = ['-flto=thin', '-O2', ...objects]
    must(CLANG, [...link, `--ld-path=${STOCK}`, '-o', 'stock'], { cwd })
    const ours = ['-fuse-ld=dtlto', `-Wl,--distribute=${PATH},slots=4`, '-Wl,--distribute-fallback=none']
    const path = `${DTLTO_BIN}:${process.env['PATH'] ?? ''}`
    must(CLANG, [...link, ...ours, '-o', 'ours'], { cwd, env: { PATH: path } })
    assert.ok(readFileSync(join(cwd, 'ours')).equals(readFileSync(join(cwd, 'stock'))))
    assert.equal(must(join(cwd, 'ours'), [], { cwd }), '42\n')
  }))
