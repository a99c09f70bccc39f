import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { conformance } from '@dtlto/testkit'
import reapi from '../../packages/distributor-reapi/src/index.js'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'

const skip = await whyNoCasd()

if (skip === undefined) {
  const server = await Casd.start({ root: 'empty' })
  after(() => server.stop())
  const remote_executor = server.address
  conformance({
    saysSent: true,
    definition: reapi,
    // Each check is to execute, not to find what the one before has made.
    options: { remote_executor, slots: 2, remote_accept_cached: false, remote_upload_local_results: true },
    distribute: `reapi,remote_executor=${remote_executor},slots=2`,
  })
}

test('an engine of the Remote Execution API is a distributor like any other', { skip: skip ?? false }, () => {
  assert.equal(reapi.name, 'reapi')
})
