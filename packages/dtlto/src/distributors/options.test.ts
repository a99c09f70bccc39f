import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DtltoError } from '../errors.js'
import { checkOptions } from './options.js'

const here = (options: Parameters<typeof checkOptions>[1]['options']): Parameters<typeof checkOptions>[1] => ({
  options,
  from: 'here',
})

const SCHEMA = {
  hosts: { type: 'list', description: '' },
  slots: { type: 'integer', description: '', default: 4, min: 1, max: 8 },
  probe: { type: 'boolean', description: '', default: true },
  mode: { type: 'string', description: '', choices: ['a', 'b'] },
} as const

test('options are read from strings and from typed values alike', () => {
  const expected = { hosts: ['x', 'y'], slots: 2, probe: false, mode: 'b' }
  assert.deepEqual(checkOptions(SCHEMA, here({ hosts: 'x+y', slots: '2', probe: 'off', mode: 'b' }), 'd'), expected)
  assert.deepEqual(checkOptions(SCHEMA, here({ hosts: ['x', 'y'], slots: 2, probe: false, mode: 'b' }), 'd'), expected)
})

test('an option that is not given has its default, or undefined', () => {
  assert.deepEqual(checkOptions(SCHEMA, here({}), 'd'), { hosts: undefined, slots: 4, probe: true, mode: undefined })
})

test('an unknown option or a value that cannot be taken names place, option and what was expected', () => {
  const cases = [
    [
      { host: 'x' },
      "here: distributor 'd' has no option 'host': it has hosts, slots, probe, mode; did you mean 'hosts'?",
    ],
    [{ slots: '9' }, "here: option 'slots' of 'd': expected an integer from 1 to 8 but received '9'"],
    [{ slots: 1.5 }, "here: option 'slots' of 'd': expected an integer from 1 to 8 but received '1.5'"],
    [{ probe: 'maybe' }, "here: option 'probe' of 'd': expected true or false but received 'maybe'"],
    [{ mode: 'c' }, "here: option 'mode' of 'd': expected a or b but received 'c'"],
    [{ hosts: true }, "here: option 'hosts' of 'd': expected a list, its items separated by + but received 'true'"],
  ] as const
  for (const [written, message] of cases) {
    assert.throws(
      () => checkOptions(SCHEMA, here(written), 'd'),
      (error: unknown) =>
        error instanceof DtltoError && error.code === 'DTLTO_PLUGIN_OPTION_INVALID' && error.message === message,
    )
  }
})

const CHECKED = {
  hosts: {
    type: 'list',
    description: '',
    check: (hosts: readonly string[]) => (hosts.includes('bad') ? `no host 'bad'` : undefined),
  },
  command: { type: 'string', description: '', runsCode: true },
  header: { type: 'string', description: '', readsSecrets: true },
  port: {
    type: 'integer',
    description: '',
    check: () => {
      throw new Error('broken')
    },
  },
} as const

test('a value of the right type is refused when the check of its option finds something wrong', () => {
  const refused = (options: Record<string, string>, message: string): void => {
    assert.throws(() => checkOptions(CHECKED, here(options), 'd'), { code: 'DTLTO_PLUGIN_OPTION_INVALID', message })
  }
  assert.deepEqual(checkOptions(CHECKED, here({ hosts: 'a+b' }), 'd').hosts, ['a', 'b'])
  refused({ hosts: 'a+bad' }, "here: option 'hosts' of 'd': no host 'bad'")
  refused({ port: '3' }, "here: option 'port' of 'd': broken")
})

test('an option from another place than the name is reported there', () => {
  const written = { options: { hosts: 'bad', port: '1' }, from: 'here', places: { hosts: "'hosts' in 'f:2:1'" } }
  assert.throws(() => checkOptions(CHECKED, written, 'd'), { message: /^'hosts' in 'f:2:1': no host 'bad'$/ })
  assert.throws(() => checkOptions({}, written, 'd'), { message: /^'hosts' in 'f:2:1': distributor 'd' has no option/ })
})

test('an option that runs code is not taken from a file that the user has not allowed', () => {
  const written = { options: { command: 'rm' }, from: 'here', places: { command: 'f:2:1' } }
  assert.equal(checkOptions(CHECKED, written, 'd').command, 'rm')
  assert.throws(() => checkOptions(CHECKED, { ...written, notAllowed: '/f' }, 'd'), {
    code: 'DTLTO_CONFIG_NOT_ALLOWED',
    message: /^f:2:1: it names a program to run; .*: dtlto allow '\/f'$/,
  })
  assert.equal(checkOptions(CHECKED, { ...here({ command: 'rm' }), notAllowed: '/f' }, 'd').command, 'rm')
})

test('an option that may have secrets sent away is not taken from a file that the user has not allowed', () => {
  const written = { options: { header: 'x=@f' }, from: 'here', places: { header: 'f:2:1' } }
  assert.equal(checkOptions(CHECKED, written, 'd').header, 'x=@f')
  assert.throws(() => checkOptions(CHECKED, { ...written, notAllowed: '/f' }, 'd'), {
    code: 'DTLTO_CONFIG_NOT_ALLOWED',
    message: /^f:2:1: it may name files whose contents are sent to a server; .*: dtlto allow '\/f'$/,
  })
})

test('a name that every object has is no option that was given', () => {
  const schema = { constructor: { type: 'string', description: '' } } as const
  assert.equal(checkOptions(schema, here({}), 'd').constructor, undefined)
})

const VARIABLES = {
  hosts: { type: 'list', description: '' },
  'stats-port': { type: 'integer', description: '' },
  remote_header: { type: 'string', description: '', readsSecrets: true },
  server: { type: 'string', description: '', receivesSecrets: true },
} as const

test('an option may come from a variable: after what is written beside the name, before a file', () => {
  const variables = { DTLTO_MY_FARM_STATS_PORT: '3', DTLTO_MY_FARM_HOSTS: 'v w', DTLTO_OTHER_HOSTS: 'x' }
  const options = { hosts: ['f'], 'stats-port': 4 }
  const check = (written: object) =>
    checkOptions(VARIABLES, { options, from: 'here', variables, ...written }, 'my-farm')
  assert.deepEqual([check({}).hosts, check({})['stats-port']], [['f'], 4])
  const places = { hosts: "'hosts' in 'f:2:1'" }
  assert.deepEqual([check({ places }).hosts, check({ places })['stats-port']], [['v', 'w'], 4])
  assert.throws(() => check({ options: {}, variables: { DTLTO_MY_FARM_STATS_PORT: 'x' } }), {
    message: /^DTLTO_MY_FARM_STATS_PORT in the environment: expected an integer but received 'x'$/,
  })
  assert.throws(() => check({ variables: { DTLTO_MY_FARM_HOST: 'x' } }), {
    message: /^unknown variable 'DTLTO_MY_FARM_HOST' in the environment; did you mean 'DTLTO_MY_FARM_HOSTS'\?$/,
  })
})

test('a file that was merely found may not name the server that secrets of the user are sent to', () => {
  const places = { server: "'server' in 'f:2:1'" }
  const options = { server: 's' }
  const written = { options, from: 'here', places, notAllowed: 'f' }
  assert.equal(checkOptions(VARIABLES, written, 'd').server, 's')
  const secret = { ...written, variables: { DTLTO_D_REMOTE_HEADER: 'a=@token' } }
  const code = 'DTLTO_CONFIG_NOT_ALLOWED'
  assert.throws(() => checkOptions(VARIABLES, secret, 'd'), { code, message: /secrets are set to be sent there/ })
  // The user's own variable may.
  const own = { ...secret, variables: { ...secret.variables, DTLTO_D_SERVER: 't' } }
  assert.equal(checkOptions(VARIABLES, own, 'd').server, 't')
})
