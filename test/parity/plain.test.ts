/** Links without any option of dtlto's: the program is stock lld, built by us. Words and PDBs would show a difference first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

process.env['DTLTO_PARITY_MODE'] = 'plain'
process.env['DTLTO_PARITY_ONLY'] ??= '^(coff|errors):'
const { currentMode } = await import('./runner.js')
await import('./parity.test.js')

test('the suite runs without options', () => {
  assert.equal(currentMode(), 'plain')
})
