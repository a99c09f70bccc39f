import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { buildNative, UNIT_TESTS } from '../../scripts/build-native.mjs'
import { withLock } from '../../scripts/lock.mjs'
import { ROOT } from '../../scripts/root.mjs'
import { tryRun } from '../programs/run.js'

it('the unit tests in C++ pass', async () => {
  const isBuilt = await withLock(join(ROOT, 'build/.lock'), () => buildNative({ targets: [UNIT_TESTS] }))
  assert.ok(isBuilt, 'they do not compile; the compiler says why above')
  const { exitCode, stdout, stderr } = await tryRun(join(ROOT, 'packages/native/build', UNIT_TESTS), [
    '--gtest_brief=1',
  ])
  assert.equal(exitCode, 0, stdout + stderr)
})
