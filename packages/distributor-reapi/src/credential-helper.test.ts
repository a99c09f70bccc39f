import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseAddress } from './address.js'
import { askHelper } from './credential-helper.js'
import { helperFor, parseHelpers } from './helper-choice.js'

test('programs are named for all servers, for one, or for all below a domain: the nearest is asked', () => {
  const helpers = parseHelpers(['all', '*.example.com=/bin/below', 'cache.example.com=/bin/one', '*.eu.example.com=eu'])
  const chosen = (address: string): string | undefined => helperFor(helpers, parseAddress(address))?.program
  assert.equal(chosen('grpcs://other.org'), 'all')
  assert.equal(chosen('grpcs://engine.example.com'), '/bin/below')
  assert.equal(chosen('grpcs://example.com:8980'), '/bin/below')
  assert.equal(chosen('grpcs://notexample.com'), 'all')
  assert.equal(chosen('grpcs://Cache.Example.com:443'), '/bin/one')
  assert.equal(chosen('grpcs://a.eu.example.com'), 'eu')
  assert.equal(helperFor([], parseAddress('grpc://x')), undefined)
  for (const text of ['', 'example.com=', 'a=b=c', '*=x'])
    assert.throws(() => parseHelpers([text]), /expected PATH or DOMAIN=PATH/, text)
})

describe('a credential helper', () => {
  let cwd = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })
  const ask = (script: string, address = 'grpcs://engine.example.com') => {
    const program = join(cwd, 'helper')
    writeFileSync(program, `#!/bin/sh\n${script}\n`)
    chmodSync(program, 0o755)
    return askHelper({ domain: undefined, program }, parseAddress(address), { PATH: process.env['PATH'], HERE: cwd })
  }

  test('is asked for a server, and answers headers and until when they are good', async () => {
    const script = `cat > "$HERE/asked"; echo "$1" >> "$HERE/asked"
      echo '{"headers": {"Authorization": ["Bearer x"], "x-two": ["1", "2"]}, "expires": "2030-01-02T03:04:05Z"}'`
    const { headers, untilMs } = await ask(script)
    assert.deepEqual(headers, { authorization: 'Bearer x', 'x-two': '1, 2' })
    assert.equal(untilMs, Date.UTC(2030, 0, 2, 3, 4, 5))
    assert.equal(readFileSync(join(cwd, 'asked'), 'utf8'), '{"uri":"https://engine.example.com/"}get\n')
    await ask(script, 'grpc://localhost:8980')
    assert.match(readFileSync(join(cwd, 'asked'), 'utf8'), /"http:\/\/localhost:8980\/"/)
  })

  test('need not say how long they are good, nor have any', async () => {
    const { headers, untilMs } = await ask(`echo '{"headers": {}}'`)
    assert.deepEqual(headers, {})
    assert.ok(untilMs > Date.now() && untilMs < Infinity)
    assert.deepEqual((await ask(`echo '{}'`)).headers, {})
  })

  for (const [what, script, message] of [
    ['fails', 'echo hunter2; echo not logged in >&2; exit 3', /'.*helper' ends with exit code 3: not logged in$/],
    ['says no JSON', 'echo hunter2', /has answered something that is no JSON$/],
    ['says another thing', `echo '["hunter2"]'`, /has answered without headers$/],
    ['gives headers that are none', `echo '{"headers": {"a": "hunter2"}}'`, /no lists of values$/],
    [
      'gives a value that is no line',
      String.raw`printf '{"headers": {"a": ["hunter2\\nx"]}}'`,
      /the header 'a' .* not one/,
    ],
  ] as const) {
    test(`that ${what} is trouble with its name, and without what it has said`, async () => {
      await assert.rejects(ask(script), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'DTLTO_ENDPOINT_REFUSED')
        assert.match(error.message, message)
        return !error.message.includes('hunter2')
      })
    })
  }

  test('that is not there is trouble', async () => {
    const nowhere = { domain: undefined, program: '/nowhere/helper' }
    await assert.rejects(askHelper(nowhere, parseAddress('grpc://x'), {}), {
      code: 'DTLTO_ENDPOINT_REFUSED',
      message: "the credential helper '/nowhere/helper' cannot be run: ENOENT",
    })
  })
})
