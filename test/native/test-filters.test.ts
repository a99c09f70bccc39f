import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../../scripts/root.mjs'
import { tryRun } from '../programs/run.js'

const RUN_TESTS = join(ROOT, 'scripts/test.mjs')

test('a filter that matches no test file is an error, beside others that do', async () => {
  const { exitCode, stdout, stderr } = await tryRun(process.execPath, [RUN_TESTS, 'test/native/unit', 'test/no-such'])
  assert.deepEqual([exitCode, stdout, stderr], [1, '', "test: error: no test file matches 'test/no-such'\n"])
})

test('every default filter of the sanitizers matches a test file', () => {
  const [, list = ''] =
    /^const FILTERS = \[(.*?)^\]/ms.exec(readFileSync(join(ROOT, 'scripts/sanitize.mjs'), 'utf8')) ?? []
  const filters = [...list.matchAll(/'([^']+)'/g)].map(([, filter = '']) => filter)
  assert.ok(filters.length > 0)
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.test.ts'),
  )
  assert.deepEqual(
    filters.filter((filter) => !files.some((file) => `test/${file}`.includes(filter))),
    [],
  )
})
