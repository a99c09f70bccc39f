import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { lateFlag, youngFlag } from './v8-flags.js'

const script = (flag: string): string => `require('node:v8').setFlagsFromString(${JSON.stringify(flag)})`
const said = (flag: string): string =>
  execFileSync('/bin/sh', ['-c', '"$0" -e "$1" 2>&1', process.execPath, script(flag)], { encoding: 'utf8' })

test('the flags that are set are ones that this V8 knows', () => {
  for (const flag of [lateFlag(process.versions.v8), youngFlag(process.versions.v8)])
    if (flag !== undefined) assert.equal(said(flag), '')
  assert.notEqual(said('--invocation-count-for-turbo=1'), '')
})

test('a V8 of which nobody knows is left as it is', () => {
  for (const version of ['10.2.154', '15.1.2'])
    assert.deepEqual([lateFlag(version), youngFlag(version)], [undefined, undefined])
})
