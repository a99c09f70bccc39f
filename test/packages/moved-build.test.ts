import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inTemporaryDirectory } from '../link/toolchain.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** All that building the native part needs of a checkout. */
const PARTS = ['package.json', 'packages/native', 'packages/dtlto/launcher', 'scripts']

test('a build directory that was copied with its checkout is made anew', () =>
  inTemporaryDirectory((directory) => {
    for (const part of PARTS)
      cpSync(join(ROOT, part), join(directory, part), {
        recursive: true,
        filter: (path) => !/\/build\/(CMakeFiles|.*\.(node|a|o)$)/.test(path),
      })
    for (const name of ['node-api-headers', 'node-addon-api']) {
      mkdirSync(join(directory, 'node_modules'), { recursive: true })
      cpSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name), { recursive: true })
    }
    const build = join(directory, 'packages/native/build')
    const stale = join(build, 'of-the-other-place')
    writeFileSync(stale, '')
    // The smallest program: compiling all of them would take a minute.
    const script = `import { buildNative } from './scripts/build-native.mjs'
      process.exitCode = buildNative({ targets: ['dtlto-early.node'] }) ? 0 : 1`
    const args = ['--input-type=module', '-e', script]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8' })
    assert.equal(status, 0, `${stdout}${stderr}`)
    assert.ok(existsSync(join(build, 'dtlto-early.node')) && !existsSync(stale))
    assert.ok(
      readFileSync(join(build, 'CMakeCache.txt'), 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${directory}`),
    )
    rmSync(build, { recursive: true })
  }))
