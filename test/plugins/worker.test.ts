import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance } from '@dtlto/testkit'
import { worker } from '../../packages/dtlto/dist/distributors/worker/worker.js'

conformance({ definition: worker, options: { slots: 2, share: false }, saysSent: true, distribute: 'worker,slots=2' })

test('the built-in worker is a distributor like any other', () => {
  assert.equal(worker.name, 'worker')
})
