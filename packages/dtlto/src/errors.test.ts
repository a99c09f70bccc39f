import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DtltoError, ERROR_CODES } from './errors.js'

test('the registry of error codes and docs/errors.md list the same codes', () => {
  const documented =
    readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8').match(/^\| `(DTLTO_[A-Z_]+)`/gm) ?? []
  assert.deepEqual(documented.map((row) => row.slice(3, -1)).sort(), Object.keys(ERROR_CODES).sort())
})

test('an error of another copy of the package is recognised', () => {
  const foreign = Object.assign(new Error('x'), { [Symbol.for('dtlto.DtltoError')]: true })
  assert.ok(DtltoError.is(foreign))
  assert.ok(DtltoError.is(new DtltoError('DTLTO_CANCELLED', 'x')))
  assert.ok(!DtltoError.is(new Error('x')))
})
