/** The suite once more, with every job that may travel compiled by a worker process from its bytes alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

process.env['DTLTO_PARITY_MODE'] = 'isolate'
const { currentMode } = await import('./runner.js')
await import('./parity.test.js')

test('the suite runs in worker processes', () => {
  assert.equal(currentMode(), 'isolate')
})
