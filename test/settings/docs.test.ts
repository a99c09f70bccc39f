import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../packages/dtlto/src/config/file.js'
import { BUILT_IN } from '../../packages/dtlto/src/distributors/locate.js'
import { PAGES, tableNames, withTables } from '../../scripts/options-page.js'

const HOW = 'out of date: node --import tsx scripts/options-page.ts'

test('the documents have every option, variable and key, as the tables and schemas have them that check what is written', () => {
  for (const path of PAGES) {
    const page = readFileSync(path, 'utf8')
    assert.equal(page, withTables(page), `${basename(path)} is ${HOW}`)
  }
})

test('each table is in one document, and each distributor of dtlto has one', () => {
  const names = PAGES.flatMap((path) => tableNames(readFileSync(path, 'utf8')))
  const distributors = BUILT_IN.map((name) => `distributor ${name}`)
  assert.deepEqual(names.sort(), ['file', 'options', 'variables', ...distributors].sort())
})

test('the example of a dtlto.toml in docs/options.md is one', async () => {
  const page = readFileSync(PAGES.find((path) => basename(path) === 'options.md') ?? '', 'utf8')
  const [, example = ''] = /```toml\n(.*?)```/s.exec(page) ?? []
  const { settings, distributorOptions } = await parseConfig(example, '/somewhere/dtlto.toml')
  assert.equal(settings.trace, '/somewhere/link.json')
  assert.deepEqual(distributorOptions.get('distcc')?.options, { hosts: ['build1/8', 'build2/8'] })
})
