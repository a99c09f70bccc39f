import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type NotRemote, survey } from './not-remote.js'

/** Written by `node --import tsx test/remote-jobs/write-not-remote.ts`. A change here is one that users of a farm notice. */
const KNOWN = JSON.parse(readFileSync(new URL('not-remote.json', import.meta.url), 'utf8')) as NotRemote[]

test('the options that keep jobs in the linker, or away from stock clang, are those of the list, with its words', async () => {
  const known = KNOWN.map((each) => JSON.stringify(each))
  const now = (await survey()).map((each) => JSON.stringify(each))
  const only = (some: readonly string[], others: readonly string[]) => some.filter((line) => !others.includes(line))
  assert.deepEqual({ new: only(now, known), gone: only(known, now) }, { new: [], gone: [] })
})
