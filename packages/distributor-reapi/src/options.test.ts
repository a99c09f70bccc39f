import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { OPTIONS, parseProperties } from './options.js'

test('properties are pairs, and values may hold equals signs', () => {
  assert.deepEqual(parseProperties(['OSFamily=linux', 'container-image=docker://x@sha256=1']), [
    { name: 'OSFamily', value: 'linux' },
    { name: 'container-image', value: 'docker://x@sha256=1' },
  ])
  assert.throws(() => parseProperties(['OSFamily']), /expected NAME=VALUE for each property but received 'OSFamily'/)
})

test('the page for users names every option', () => {
  const page = readFileSync(new URL('../../../docs/reapi.md', import.meta.url), 'utf8')
  for (const name of Object.keys(OPTIONS)) assert.ok(page.includes(`\`${name}\``), name)
})
