import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { PAGE, withTables } from './parity-table.js'

it('docs/formats.md has the numbers of the parity suite', () => {
  const page = readFileSync(PAGE, 'utf8')
  assert.equal(page, withTables(page), 'out of date: node --import tsx test/formats/parity-table.ts')
})
