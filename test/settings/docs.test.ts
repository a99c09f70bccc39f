import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseConfig } from '../../packages/dtlto/src/config/file.js'
import { PAGE, withTables } from '../../scripts/options-page.js'

test('docs/options.md has every option, variable and key of the table of settings', async () => {
  const page = readFileSync(PAGE, 'utf8')
  assert.equal(page, withTables(page), 'out of date: node --import tsx scripts/options-page.ts')
  const [, example = ''] = /```toml\n(.*?)```/s.exec(page) ?? []
  const { settings, distributorOptions } = await parseConfig(example, '/somewhere/dtlto.toml')
  assert.equal(settings.trace, '/somewhere/link.json')
  assert.deepEqual(distributorOptions.get('distcc')?.options, { hosts: ['build1/8', 'build2/8'] })
})
