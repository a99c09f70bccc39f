import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance } from '@dtlto/testkit'
import { realFake } from './real-fake.js'

for (const shape of [{}, { endpointPerWorker: true }, { hasQueue: true, probe: () => Promise.resolve() }])
  conformance({ definition: realFake(shape) })

test('the fake is a distributor like any other', () => {
  assert.equal(realFake().name, 'fake')
})
