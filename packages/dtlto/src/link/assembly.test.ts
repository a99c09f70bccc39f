import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyNotAssembly } from './assembly.js'

const TEXT = Buffer.from('\t.file\t"müll.c"\n\t.text\nf:\r\n\tretq\n')

test('text that ends with a line may be assembly', () => {
  assert.equal(whyNotAssembly(TEXT), '')
})

test('objects, their beginnings and pieces of lines are no assembly', () => {
  assert.match(whyNotAssembly(Uint8Array.of(0x7f, 0x45)), /no text/)
  assert.match(whyNotAssembly(Buffer.from('\x7fELF\x02\x01\x01\0\n')), /no text/)
  for (let end = 1; end < TEXT.length; end++) {
    if (TEXT[end - 1] !== 0x0a) assert.match(whyNotAssembly(TEXT.subarray(0, end)), /last line/)
  }
})
