import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from './address.js'

test('an address has a scheme, a host and perhaps a port', () => {
  assert.deepEqual(parseAddress('grpc://engine:8980'), { target: 'engine:8980', isSecure: false })
  assert.deepEqual(parseAddress('grpcs://engine.example'), { target: 'engine.example:443', isSecure: true })
  assert.deepEqual(parseAddress('grpc://[::1]:8980'), { target: '[::1]:8980', isSecure: false })
})

test('anything else is refused with what is expected', () => {
  for (const text of ['engine:8980', 'http://engine', 'grpc://', 'grpc://engine/path', 'grpc://engine?x', 'grpcs://:1'])
    assert.throws(() => parseAddress(text), /expected grpc:\/\/HOST:PORT or grpcs:\/\/HOST:PORT/, text)
})

test('a password in an address is refused, and not repeated', () => {
  for (const text of ['grpc://me:hunter2@engine', 'grpcs://hunter2@engine', 'grpc//me:hunter2@engine:x']) {
    assert.throws(
      () => parseAddress(text),
      (error: Error) => !error.message.includes('hunter2'),
      text,
    )
  }
})
