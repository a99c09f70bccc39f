import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outputOf } from './output-name.js'

test('the output is the last one that the arguments name, in the words of their format', () => {
  assert.equal(outputOf(['a.o'], 'gnu'), 'a.out')
  assert.equal(outputOf(['-o', 'one', 'a.o', '-otwo'], 'gnu'), 'two')
  assert.equal(outputOf(['--output=one', '--output', 'two', Buffer.from('a.o')], 'wasm'), 'two')
  assert.equal(outputOf(['-O1', '-omagic', '-o', 'app'], 'gnu'), 'app')
  assert.equal(outputOf(['-O1', '-omagic'], 'gnu'), 'a.out')
  assert.equal(outputOf(['-o', 'app', '-order_file', 'order', '-ObjC'], 'macho'), 'app')
  assert.equal(outputOf(['/OUT:one.exe', '-out:two.exe', '-o', 'three'], 'coff'), 'two.exe')
  assert.equal(outputOf(['/opt:ref'], 'coff'), 'an executable')
})
