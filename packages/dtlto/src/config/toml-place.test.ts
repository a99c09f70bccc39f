import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOf } from './toml-place.js'

const TEXT = `# verify = true
trace = "x"
  verify = true
distributor.local.slots = 3
[distributor.distcc]
hosts = ["a"]   # hosts
'job-timeout-ms' = 4
[ distributor . "my.mjs" ]
hosts = 3
`

test('the place of a key is found in plain, dotted and quoted spelling, and else the nearest of what holds it', () => {
  const at = (...path: readonly string[]): string => {
    const place = placeOf(TEXT, path)
    return place ? `${String(place.line)}:${String(place.column)}` : 'nowhere'
  }
  assert.equal(at('trace'), '2:1')
  assert.equal(at('verify'), '3:3')
  assert.equal(at('distributor', 'local', 'slots'), '4:1')
  assert.equal(at('distributor', 'distcc'), '5:1')
  assert.equal(at('distributor', 'distcc', 'hosts'), '6:1')
  assert.equal(at('distributor', 'distcc', 'job-timeout-ms'), '7:1')
  assert.equal(at('distributor', 'my.mjs', 'hosts'), '9:1')
  assert.equal(at('distributor', 'distcc', 'none'), '5:1')
  assert.equal(at('none'), 'nowhere')
})
