import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { codegenToolchain } from './toolchain.js'

const HASH = 'a'.repeat(64)

describe('what a compiler consists of', () => {
  let directory = ''
  let env: Record<string, string> = {}
  let loader = ''
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto-toolchain-'))
    env = { XDG_CACHE_HOME: join(directory, 'cache') }
    loader = join(directory, 'ld-linux-x86-64.so.2')
    writeFileSync(loader, 'a loader')
  })
  after(() => rmSync(directory, { recursive: true }))

  /** A program that says so, and each time that it was asked. */
  const program = (name: string): string => {
    const path = join(directory, name)
    writeFileSync(
      path,
      `#!/bin/sh\necho >> "${path}.asked"\nfor f in "${path}" "${loader}"; do echo ${HASH} $(stat -c %s "$f") \\"$f\\"; done\n`,
    )
    chmodSync(path, 0o755)
    writeFileSync(`${path}.asked`, '')
    return path
  }
  const asked = (path: string): number => readFileSync(`${path}.asked`, 'utf8').length

  it('is asked once, also where several versions are used in turn', async () => {
    const programs = [program('dtlto-codegen-22'), program('dtlto-codegen-23')]
    for (const path of [...programs, ...programs, ...programs]) {
      const { files, loader: name } = await codegenToolchain(path, env)
      assert.deepEqual(
        files.map((file) => file.path),
        [path, loader],
      )
      assert.equal(name, 'ld-linux-x86-64.so.2')
    }
    assert.deepEqual(programs.map(asked), [1, 1])
  })

  it('is asked again when a file has changed, and when what is remembered is nonsense or could be somebody else’s', async () => {
    const path = program('dtlto-codegen')
    const memory = join(directory, 'cache/dtlto/toolchain.json')
    const changes = [
      () => undefined,
      () => appendFileSync(path, '# longer\n'),
      () => utimesSync(path, 1, 1),
      () => writeFileSync(memory, '{"programs":[{"program":1},null]}'),
      () => writeFileSync(memory, 'no JSON'),
      () => chmodSync(memory, 0o666),
    ]
    for (const [i, change] of changes.entries()) {
      change()
      await codegenToolchain(path, env)
      await codegenToolchain(path, env)
      assert.equal(asked(path), i + 1, String(i))
    }
  })
})
