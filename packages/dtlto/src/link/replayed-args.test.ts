import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replayedArgs } from './replayed-args.js'

test('LLVM options of the ELF flavour that its Config does not hold are those of -plugin-opt=', () => {
  assert.deepEqual(
    replayedArgs(
      ['ld.lld', '--plugin-opt=-a=1', '-plugin-opt', '-b', '-plugin-opt=O3', '-plugin-opt=dwo_dir=x', '-mllvm', '-c'],
      'elf',
    ),
    ['-a=1', '-b'],
  )
})

test('those of the Wasm flavour are all of -mllvm, in both spellings', () => {
  assert.deepEqual(replayedArgs(['wasm-ld', '-mllvm', '-a=b=c', '--mllvm=-d', '-plugin-opt=-e'], 'wasm'), [
    '-a=b=c',
    '-d',
  ])
})

test('the other flavours keep theirs in the Config', () => {
  for (const flavour of ['coff', 'mingw', 'macho'] as const)
    assert.deepEqual(replayedArgs(['x', '-mllvm', '-a', '-plugin-opt=-b', '/mllvm:-c'], flavour), [])
})

test('what follows the program only is an argument, and a missing value is none', () => {
  assert.deepEqual(replayedArgs(['-mllvm', '-a', '-mllvm'], 'wasm'), [])
})
