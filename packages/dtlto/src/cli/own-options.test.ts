import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { DtltoError } from '../errors.js'
import { OPTION_NAMES, ownHelp, splitOwnOptions } from './own-options.js'

const invalid = (message: RegExp) => (error: unknown) =>
  error instanceof DtltoError && error.code === 'DTLTO_OPTION_INVALID' && message.test(error.message)

describe('own options', () => {
  test('are taken out of a GNU command line, and the rest keeps its order', () => {
    const { settings, rest } = splitOwnOptions(
      [
        '-o',
        'a',
        '--distribute=distcc,hosts=a+b',
        'x.o',
        '--distribute-fallback=none',
        '-lm',
        '--distribute-verify',
        '--distribute-summary',
        '--distribute-timings=past.json',
      ],
      false,
    )
    assert.equal(settings.summary, true)
    assert.equal(settings.timings, 'past.json')
    assert.deepEqual(rest, ['-o', 'a', 'x.o', '-lm'])
    assert.equal(settings.fallback, 'none')
    assert.equal(settings.verify, 100)
    assert.deepEqual(settings.distributors?.[0]?.options, { hosts: 'a+b' })
  })

  test('are spelled with a slash and a colon on a Windows command line', () => {
    const { settings, rest } = splitOwnOptions(
      ['/out:a.exe', '/distribute:local,slots=3', '-Distribute-Progress:off'],
      true,
    )
    assert.deepEqual(rest, ['/out:a.exe'])
    assert.equal(settings.distributors?.[0]?.name, 'local')
    assert.equal(settings.progress, 'off')
  })

  test('put together again what the compiler driver split at commas, but never take a file away from lld', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-'))
    const file = join(directory, 'a=b.o')
    const before = process.cwd()
    try {
      writeFileSync(file, '')
      process.chdir(directory)
      const { settings, rest } = splitOwnOptions(
        ['--distribute=distcc', 'hosts=h/4', 'with_underscores=on', 'a=b.o', 'slots=2'],
        false,
      )
      assert.deepEqual(settings.distributors?.[0]?.options, { hosts: 'h/4', with_underscores: 'on' })
      assert.deepEqual(rest, ['a=b.o', 'slots=2'])
    } finally {
      process.chdir(before)
      rmSync(directory, { recursive: true })
    }
  })

  test('name several distributors in the order in which they are written', () => {
    const { settings } = splitOwnOptions(['--distribute=distcc', '--distribute=local'], false)
    assert.deepEqual(
      settings.distributors?.map(({ name }) => name),
      ['distcc', 'local'],
    )
  })

  test('leave bytes that are not UTF-8 and options of lld that look alike alone', () => {
    const bytes = Uint8Array.of(0xff)
    const argv = [bytes, '-distribute=x', '--dist', '/distribute:x']
    assert.deepEqual(splitOwnOptions(argv, false).rest, argv)
  })

  test('are refused when misspelled, incomplete or out of range', () => {
    assert.throws(
      () => splitOwnOptions(['--distribute-tarce=x'], false),
      invalid(/unknown option '--distribute-tarce'; did you mean 'distribute-trace'\?/),
    )
    assert.throws(
      () => splitOwnOptions(['--distributed-elephants'], false),
      invalid(/-elephants': dtlto has distribute, /),
    )
    assert.throws(() => splitOwnOptions(['--distribute='], false), invalid(/expected a distributor's name/))
    assert.throws(
      () => splitOwnOptions(['--distribute-fallback=remote'], false),
      invalid(/expected local or none but received 'remote'/),
    )
    assert.throws(() => splitOwnOptions(['--distribute=local,=3'], false), invalid(/expected key=value/))
  })

  test('never take the next argument for their value, whatever it is', () => {
    for (const next of ['-lstdc++', '@file', 'main.o', 'trace.json']) {
      assert.throws(
        () => splitOwnOptions(['--distribute-trace', next], false),
        invalid(/^--distribute-trace: missing value; write --distribute-trace=<file>$/),
      )
    }
    assert.throws(() => splitOwnOptions(['--distribute', 'local'], false), invalid(/write --distribute=<name>/))
    assert.throws(() => splitOwnOptions(['-distribute', 'local'], true), invalid(/write -distribute:<name>/))
    assert.deepEqual(splitOwnOptions(['--distribute-verify', 'x.o'], false).rest, ['x.o'])
  })

  test('may be repeated, as whole sets of flags are, but not contradict each other', () => {
    const twice = ['--distribute-trace=a', '--distribute-verify', '--distribute-trace=a', '--distribute-verify=on']
    assert.throws(
      () => splitOwnOptions([...twice, '--distribute-trace=b'], false),
      invalid(/'a' and with 'b'; leave one/),
    )
    assert.equal(splitOwnOptions(twice, false).settings.trace, 'a')
    assert.throws(
      () => splitOwnOptions(['--distribute-config=a', '--distribute-config=b'], false),
      invalid(/^--distribute-config: given twice/),
    )
    assert.throws(
      () => splitOwnOptions(['--distribute=distcc,hosts=a,hosts=b'], false),
      invalid(/^--distribute=distcc,hosts=a,hosts=b: 'hosts' is given twice; .* \(hosts=a\+b\)/),
    )
    assert.throws(
      () => splitOwnOptions(['--distribute=distcc,hosts=a', 'hosts=b'], false),
      invalid(/'hosts' is given twice/),
    )
  })

  test('leave a file in the root directory to lld-link, whose options begin like one', () => {
    const directory = mkdtempSync('/distributed-')
    try {
      assert.deepEqual(splitOwnOptions([directory], true).rest, [directory])
      assert.throws(() => splitOwnOptions(['/distributed-x'], true), invalid(/unknown option '\/distributed-x'/))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('are all in the help, in the spelling of the format', () => {
    for (const name of OPTION_NAMES) {
      assert.match(ownHelp(false), new RegExp(`  --${name}\\b`))
      assert.match(ownHelp(true), new RegExp(`  /${name}\\b`))
    }
  })
})
