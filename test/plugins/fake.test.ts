import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance } from 'dtlto/testkit'
import { realFake } from './real-fake.js'

conformance({ definition: realFake() })

test('the fake is a distributor like any other', () => {
  assert.equal(realFake().name, 'fake')
})
