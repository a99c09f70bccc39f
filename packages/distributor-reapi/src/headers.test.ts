import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseHeaders, readHeaders } from './headers.js'

test('headers come from the option, files and variables', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dtlto-'))
  try {
    writeFileSync(join(directory, 'token'), 'Bearer abc\n')
    const written = ['X-Team=tools', `authorization=@${join(directory, 'token')}`, 'x-api-key=$KEY']
    const read = () => readHeaders(parseHeaders(written), { KEY: 'k' })
    const expected = { 'x-team': 'tools', authorization: 'Bearer abc', 'x-api-key': 'k' }
    assert.deepEqual(await read(), expected)
    writeFileSync(join(directory, 'token'), 'Bearer new\n')
    assert.deepEqual(await read(), { ...expected, authorization: 'Bearer new' })
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('values of one header are one value, with commas between them', async () => {
  const read = await readHeaders(parseHeaders(['x-team=tools', 'x-other=1', 'X-Team=$TEAM']), { TEAM: 'linkers' })
  assert.deepEqual(read, { 'x-team': 'tools,linkers', 'x-other': '1' })
})

test('a secret on the command line is refused, and not repeated', () => {
  for (const text of ['authorization=Bearer hunter2', 'x-buildbuddy-api-key=hunter2', 'cookie=hunter2', 'hunter2']) {
    assert.throws(
      () => parseHeaders([text]),
      (error: Error) => !error.message.includes('hunter2'),
      text,
    )
  }
})

test('a header that cannot be read says where it should have come from', async () => {
  const refuses = async (written: string, env: Record<string, string>, message: RegExp): Promise<void> => {
    await assert.rejects(readHeaders(parseHeaders([written]), env), { code: 'DTLTO_ENDPOINT_REFUSED', message })
  }
  await refuses('a=@/nowhere/token', {}, /'a' is to come from the file '\/nowhere\/token': ENOENT/)
  await refuses('a=$NONE', {}, /'a' is to come from the variable 'NONE', which is not set/)
  await refuses('a=$TWO', { TWO: 'one\ntwo' }, /of the variable 'TWO' is empty or not one line of printable ASCII/)
})
