import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { lateFlag } from './optimize-late.js'

const script = (flag: string): string => `require('node:v8').setFlagsFromString(${JSON.stringify(flag)})`
const said = (flag: string): string =>
  execFileSync('/bin/sh', ['-c', '"$0" -e "$1" 2>&1', process.execPath, script(flag)], { encoding: 'utf8' })

test('the flag that has V8 optimize later is one that this V8 knows', () => {
  const flag = lateFlag(process.versions.v8)
  if (flag !== undefined) assert.equal(said(flag), '')
  assert.notEqual(said('--invocation-count-for-turbo=1'), '')
})

test('a V8 of which nobody knows is left as it is', () => {
  assert.equal(lateFlag('10.2.154'), undefined)
  assert.equal(lateFlag('15.1.2'), undefined)
})
