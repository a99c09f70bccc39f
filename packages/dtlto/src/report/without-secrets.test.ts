import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutSecrets } from './without-secrets.js'

test('what may be secret is taken out of arguments and messages', () => {
  for (const [text, expected] of [
    ['grpcs://user:pw@host:443/x', 'grpcs://…@host:443/x'],
    ['Authorization: Bearer abc.def', 'Authorization: …'],
    ['sent basic dXNlcg==', 'sent basic …'],
    ['--defsym=api-key=0x12', '--defsym=api-key=…'],
    ['{"token":"abc"}', '{"token":"…"}'],
    ['DTLTO_PASSWORD=x y', 'DTLTO_PASSWORD=… y'],
  ] as const)
    assert.doesNotMatch(withoutSecrets(text).replace(expected, ''), /abc|pw|dXNl|0x12|=x/, text)
})

test('what is not is left as it is', () => {
  for (const text of ["server 'build1:3632' closed the connection", '-o out/keys.o', 'libtoken.a(x.o at 12)', '-L/a@b'])
    assert.equal(withoutSecrets(text), text)
})
