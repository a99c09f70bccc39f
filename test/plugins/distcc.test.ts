import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { conformance } from '@dtlto/testkit'
import distcc from '../../packages/distributor-distcc/src/index.js'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'

const skip = whyNoDistccd()

if (skip === undefined) {
  const server = await Distccd.start({ jobs: 2, stats: false })
  after(() => server.stop())
  const host = `${server.address}/2`
  conformance({
    saysSent: true,
    definition: distcc,
    options: { hosts: [host], 'stats-port': 0 },
    badOptions: [{ hosts: ['[::1'] }, { hosts: ['localhost'] }, { hosts: ['127.0.0.1:70000'] }],
    distribute: `distcc,stats-port=0,hosts=${host}`,
  })
}

test('stock distccd is a distributor like any other', { skip }, () => {
  assert.equal(distcc.name, 'distcc')
})
