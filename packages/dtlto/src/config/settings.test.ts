import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { DtltoError, type ErrorCode } from '../errors.js'
import { parseConfig } from './file.js'
import { loadSettings, type SettingsSources } from './load.js'
import { DEFAULT_SETTINGS, placeOf } from './settings.js'
import { SETTING_KEYS } from './table.js'
import { SETTINGS } from './table.js'

describe('settings', () => {
  let root = ''
  let below = ''
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'dtlto-'))
    below = join(root, 'a', 'b')
    mkdirSync(below, { recursive: true })
  })
  after(() => {
    rmSync(root, { recursive: true })
  })

  const load = (sources: Partial<SettingsSources> = {}) =>
    loadSettings({
      commandLine: {},
      configFile: undefined,
      env: {},
      workingDirectory: below,
      warn: (message) => assert.fail(message),
      ...sources,
    })
  const write = (text: string): void => {
    writeFileSync(join(root, 'dtlto.toml'), text)
  }
  const fails = (code: ErrorCode, message: RegExp) => (error: unknown) =>
    error instanceof DtltoError && error.code === code && message.test(error.message)

  test('are the defaults where nothing is written', async () => {
    assert.deepEqual(await load({ workingDirectory: tmpdir() }), DEFAULT_SETTINGS)
  })

  test('come from the nearest dtlto.toml upwards, with options by distributor and paths relative to the file', async () => {
    write(
      'distribute = ["distcc", "local"]\nfallback = "none"\ntrace = "t.json"\ntimings = "past.json"\n[distributor.distcc]\nhosts = ["a/8", "b"]\n',
    )
    const settings = await load()
    assert.equal(settings.fallback, 'none')
    assert.equal(settings.trace, join(root, 't.json'))
    assert.equal(settings.timings, join(root, 'past.json'))
    assert.match(placeOf(settings, 'trace'), /^'trace' in .*dtlto\.toml/)
    const nearer = await load({ env: { DTLTO_TRACE: 'other.json' } })
    assert.equal(placeOf(nearer, 'trace'), 'DTLTO_TRACE')
    assert.match(placeOf(nearer, 'timings'), /^'timings' in /)
    assert.equal(placeOf(nearer, 'report'), '--distribute-report')
    assert.deepEqual(
      settings.distributors.map(({ name, options }) => [name, options]),
      [
        ['distcc', { hosts: ['a/8', 'b'] }],
        ['local', {}],
      ],
    )
  })

  test('of the environment win over the file, and those of the command line over both', async () => {
    write('fallback = "none"\nprogress = "on"\n[distributor.distcc]\nhosts = ["file"]\nslots = 3\n')
    const env = {
      DTLTO_DISTRIBUTE: 'distcc,hosts=env local',
      DTLTO_PROGRESS: 'off',
      DTLTO_FALLBACK: '',
      DTLTO_TIMINGS: 't',
    }
    const fromEnvironment = await load({ env })
    assert.equal(fromEnvironment.timings, 't')
    assert.deepEqual(
      fromEnvironment.distributors.map(({ name, options }) => [name, options]),
      [
        ['distcc', { hosts: 'env', slots: 3 }],
        ['local', {}],
      ],
    )
    assert.equal(fromEnvironment.progress, 'off')
    assert.equal(fromEnvironment.fallback, 'none')
    assert.equal((await load({ env, commandLine: { progress: 'auto' } })).progress, 'auto')
    assert.equal((await load({ env: { DTLTO_SUMMARY: '1' } })).summary, true)
  })

  test('name the same distributor twice only with different options', async () => {
    const env = { DTLTO_DISTRIBUTE: 'distcc,hosts=a,probe=on local distcc,probe=on,hosts=a distcc,hosts=b' }
    assert.deepEqual(
      (await load({ env })).distributors.map(({ name, options }) => [name, options['hosts']]),
      [
        ['distcc', 'a'],
        ['local', undefined],
        ['distcc', 'b'],
      ],
    )
  })

  test('may ask for a share to be verified, and for nothing that is none', () => {
    const { kind } = SETTINGS.verify
    for (const [written, share] of [
      [true, 100],
      ['on', 100],
      ['off', 0],
      ['5%', 5],
      ['0.25%', 0.25],
      [5, 5],
      ['100%', 100],
    ] as const) {
      assert.equal(kind.parse(written, 'here'), share)
    }
    for (const wrong of ['101%', '5 %', '-5%', '%', '5', 101, -1, NaN, '1e1%']) {
      assert.throws(() => kind.parse(wrong, 'here'), { code: 'DTLTO_OPTION_INVALID' })
    }
  })

  test('may name the file, which must then exist', async () => {
    const other = join(root, 'other.toml')
    writeFileSync(other, 'verify = true\nsummary = true')
    assert.equal((await load({ configFile: other })).verify, 100)
    assert.equal((await load({ configFile: other })).summary, true)
    assert.equal((await load({ env: { DTLTO_CONFIG: other } })).verify, 100)
    await assert.rejects(
      load({ configFile: join(root, 'none.toml') }),
      fails('DTLTO_CONFIG_INVALID', /--distribute-config: no such file/),
    )
    await assert.rejects(
      load({ env: { DTLTO_CONFIG: 'none.toml' } }),
      fails('DTLTO_CONFIG_INVALID', /DTLTO_CONFIG: no such file/),
    )
  })

  test('that are unknown, of the wrong type or no TOML are errors that name the place', async () => {
    const cases: readonly [text: string, message: RegExp][] = [
      ['distribut = "x"', /^unknown setting 'distribut' in '.*dtlto\.toml:1:1'; did you mean 'distribute'\?$/],
      ['distribute = 3', /'distribute' in '.*toml:1:1': expected a distributor's name/],
      ['distribute = []', /'distribute' in '.*': expected a distributor's name/],
      ['distribute = ["distcc,hosts=a"]', /'distribute' in '.*': options of 'distcc' belong into a table/],
      ['distributor = 3', /'distributor' in '.*': expected a table/],
      [
        '[distributor.distcc]\n  hosts = { a = 1 }',
        /^'hosts' of \[distributor\.distcc\] in '.*toml:2:3': expected a string/,
      ],
      ['verify = true\na = = b', /^cannot read configuration '.*dtlto\.toml:2:5': .*/],
      ['verify = true\nverify = false', /^cannot read configuration '.*dtlto\.toml:2:1': .*/],
    ]
    for (const [text, message] of cases) {
      write(text)
      await assert.rejects(load(), fails('DTLTO_CONFIG_INVALID', message))
    }
    write('\nverify = "perhaps"')
    await assert.rejects(load(), fails('DTLTO_OPTION_INVALID', /'verify' in '.*toml:2:1': expected true or false/))
    write('')
  })

  test('never break on a file, whatever it holds', async () => {
    const names = [...SETTING_KEYS, 'distribute', 'distributor', '__proto__', 'constructor', 'x']
    const value = fc.constantFrom(
      'true',
      '1',
      '"a"',
      '["a"]',
      '{ a = 1 }',
      '{ a = { b = 1 } }',
      '1979-05-27',
      '[[1]]',
      '=',
    )
    const line = fc.oneof(
      fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${name} = ${text}`),
      fc.constantFrom(...names).map((name) => `[${name}]`),
      fc.constantFrom(...names).map((name) => `[distributor.${name}]`),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 4 }), async (lines) => {
        try {
          await parseConfig(lines.join('\n'), '/x/dtlto.toml')
        } catch (error) {
          assert.ok(DtltoError.is(error), String(error))
          assert.match(error.message, /\/x\/dtlto\.toml/)
        }
      }),
    )
  })

  test('of the environment are refused when their name is not known', async () => {
    const refused = (name: string, message: RegExp): Promise<void> =>
      assert.rejects(load({ env: { [name]: 'x' } }), fails('DTLTO_OPTION_INVALID', message))
    await refused(
      'DTLTO_DISTRIBUT',
      /^unknown variable 'DTLTO_DISTRIBUT' in the environment; did you mean 'DTLTO_DISTRIBUTE'\?$/,
    )
    await refused('DTLTO_ELEPHANT', /'DTLTO_ELEPHANT' in the environment: dtlto has DTLTO_DISTRIBUTE, .*DTLTO_VERIFY/)
    await load({ env: { DTLTO_DISTRIBUT: '', DTLTO_NODE: '/n', DTLTO_TEST_FULL: '1', OTHER: 'x' } })
  })
})
