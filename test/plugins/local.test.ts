import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance } from 'dtlto/testkit'
import { local } from '../../packages/dtlto/src/distributors/local/local.js'

const uninterruptible = 'LLVM cannot be interrupted: what runs in this process is waited for'

conformance({
  definition: local,
  options: { slots: 2 },
  distribute: 'local,slots=2',
  skip: {
    'it never runs more jobs than it has slots, however many it is given': 'lld has its own queue behind the slots',
    'it lets go of an aborted job at once: it rejects and frees the slot': uninterruptible,
    'it rejects a job that is aborted before it could start': uninterruptible,
    'it aborts the job that is meant and no other': uninterruptible,
    'it lets go of all jobs when the link is aborted': uninterruptible,
    'close() waits for the jobs that run': 'the link waits for them',
    'destroy() lets go of the jobs that run': uninterruptible,
  },
})

test('this machine is a distributor like any other', () => {
  assert.equal(local.name, 'local')
})
