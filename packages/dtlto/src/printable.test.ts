import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable, printableLine } from './printable.js'

test('what steers a terminal or reorders a line is written as a number, and other text stays', () => {
  assert.equal(printable('\x1b[2J\r\x07\x7f\x9b1mä\tß\n'), '\\x1B[2J\\x0D\\x07\\x7F\\x9B1mä\tß\n')
  assert.equal(printable('a\u202Eb\u2066c\u2028日本語 🙂'), 'a\\u202Eb\\u2066c\\u2028日本語 🙂')
})

test('a line stays one line', () => {
  assert.equal(printableLine('bad\nld.lld: error: forged'), 'bad\\x0Ald.lld: error: forged')
})
