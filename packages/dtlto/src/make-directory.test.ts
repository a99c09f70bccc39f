import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { makeDirectory } from './make-directory.js'

describe('a directory that is made', () => {
  const root = mkdtempSync(join(tmpdir(), 'dtlto-make-'))
  after(() => rmSync(root, { recursive: true }))

  it('has all above it, with the mode that is asked for, and may be there', () => {
    const path = join(root, 'a/b/c')
    makeDirectory(path, 0o700)
    makeDirectory(path)
    for (const each of [path, join(root, 'a')]) assert.equal(statSync(each).mode & 0o777, 0o700)
  })

  it('may be named from the working directory', () => {
    makeDirectory('.')
    makeDirectory('/')
  })

  it('cannot be where something else is', () => {
    writeFileSync(join(root, 'file'), '')
    assert.throws(() => makeDirectory(join(root, 'file')), { code: 'EEXIST' })
    assert.throws(() => makeDirectory(join(root, 'file/below')), { code: 'EEXIST' })
  })

  it('is an error, and soon, where the system has no directories to make', () => {
    assert.throws(() => makeDirectory('/proc/nothing/below'), { code: 'ENOENT' })
  })
})
