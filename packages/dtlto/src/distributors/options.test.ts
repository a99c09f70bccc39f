import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DtltoError } from '../errors.js'
import { checkOptions } from './options.js'

const SCHEMA = {
  hosts: { type: 'list', description: '' },
  slots: { type: 'integer', description: '', default: 4, min: 1, max: 8 },
  probe: { type: 'boolean', description: '', default: true },
  mode: { type: 'string', description: '', choices: ['a', 'b'] },
} as const

test('options are read from strings and from typed values alike', () => {
  const expected = { hosts: ['x', 'y'], slots: 2, probe: false, mode: 'b' }
  assert.deepEqual(checkOptions(SCHEMA, { hosts: 'x+y', slots: '2', probe: 'off', mode: 'b' }, 'd', 'here'), expected)
  assert.deepEqual(
    checkOptions(SCHEMA, { hosts: ['x', 'y'], slots: 2, probe: false, mode: 'b' }, 'd', 'here'),
    expected,
  )
})

test('an option that is not given has its default, or undefined', () => {
  assert.deepEqual(checkOptions(SCHEMA, {}, 'd', 'here'), { hosts: undefined, slots: 4, probe: true, mode: undefined })
})

test('an unknown option or a value that cannot be taken names place, option and what was expected', () => {
  const cases = [
    [{ host: 'x' }, "here: distributor 'd' has no option 'host': it has hosts, slots, probe, mode"],
    [{ slots: '9' }, "here: option 'slots' of 'd': expected an integer from 1 to 8 but received '9'"],
    [{ slots: 1.5 }, "here: option 'slots' of 'd': expected an integer from 1 to 8 but received '1.5'"],
    [{ probe: 'maybe' }, "here: option 'probe' of 'd': expected true or false but received 'maybe'"],
    [{ mode: 'c' }, "here: option 'mode' of 'd': expected a or b but received 'c'"],
    [{ hosts: true }, "here: option 'hosts' of 'd': expected a list, its items separated by + but received 'true'"],
  ] as const
  for (const [written, message] of cases) {
    assert.throws(
      () => checkOptions(SCHEMA, written, 'd', 'here'),
      (error: unknown) =>
        error instanceof DtltoError && error.code === 'DTLTO_PLUGIN_OPTION_INVALID' && error.message === message,
    )
  }
})
