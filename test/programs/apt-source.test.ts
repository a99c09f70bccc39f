import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ofDevelopmentRelease, sourcesFromDeb822, sourcesFromList } from './apt-source.js'

describe('source repositories made from the machine’s binary ones', () => {
  it('keeps the options of a one-line entry', () => {
    assert.equal(
      sourcesFromList('deb [arch=amd64 signed-by=/k.gpg] http://example.invalid/debian stable main contrib\n'),
      'deb-src [arch=amd64 signed-by=/k.gpg] http://example.invalid/debian stable main contrib\n',
    )
  })

  it('drops comments, and lists a repository once that has sources already', () => {
    const text =
      '# deb http://off.invalid/ stable main\ndeb http://a.invalid/ s main\ndeb-src http://a.invalid/ s main\n'
    assert.equal(sourcesFromList(text), 'deb-src http://a.invalid/ s main\n')
  })

  it('turns every enabled stanza of a deb822 file into one for sources', () => {
    const text = [
      'Types: deb deb-src\nURIs: http://a.invalid/\n# a comment\nSuites: s s-updates\nComponents: main',
      'Enabled: no\nTypes: deb\nURIs: http://off.invalid/\nSuites: s',
      'Types: deb\nURIs: http://b.invalid/\nSuites: t\nSigned-By: /k.gpg\n',
    ].join('\n\n')
    assert.equal(
      sourcesFromDeb822(text),
      [
        'Types: deb-src\nURIs: http://a.invalid/\n# a comment\nSuites: s s-updates\nComponents: main',
        'Types: deb-src\nURIs: http://b.invalid/\nSuites: t\nSigned-By: /k.gpg\n',
      ].join('\n\n') + '\n',
    )
  })

  it('has the same places for the development release, where they are Debian’s', () => {
    const lines =
      'deb-src [signed-by=/k.gpg] http://a.invalid/debian stable main contrib\ndeb-src http://b.invalid/llvm/ stable main\n' +
      'deb-src [signed-by=/k.gpg] http://a.invalid/debian stable-updates main\n'
    assert.equal(ofDevelopmentRelease(lines), 'deb-src [signed-by=/k.gpg] http://a.invalid/debian sid main\n')
    const stanzas =
      'Types: deb-src\nURIs: http://a.invalid/debian\nSuites: s s-updates\nComponents: main extra\nSigned-By: /k.gpg\n\n' +
      'Types: deb-src\nURIs: http://a.invalid/debian-security\nSuites: s-security\nComponents: main\n'
    assert.equal(
      ofDevelopmentRelease(stanzas),
      'Types: deb-src\nURIs: http://a.invalid/debian\nSuites: sid\nComponents: main\nSigned-By: /k.gpg\n',
    )
  })
})
