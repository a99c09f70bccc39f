import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkerProgram } from './programs.js'

test('a program is known by its name, whatever its directory, version suffix and extension', () => {
  assert.equal(linkerProgram('/opt/my tools/bin/ld.dtlto')?.stock, 'ld.lld')
  assert.equal(linkerProgram('ld.dtlto-22')?.stock, 'ld.lld')
  assert.equal(linkerProgram('dtlto-link.exe')?.stock, 'lld-link')
  assert.equal(linkerProgram('ld64.dtlto')?.stock, 'ld64.lld')
  assert.equal(linkerProgram('wasm-ld.dtlto')?.stock, 'wasm-ld')
  assert.equal(linkerProgram('/some/where/lld-link')?.name, 'dtlto-link')
  assert.equal(linkerProgram('ld.gold'), undefined)
})
