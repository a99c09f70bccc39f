import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { endpointMemory } from './endpoint-memory.js'

const root = mkdtempSync(join(tmpdir(), 'dtlto-memory-'))
after(() => rmSync(root, { recursive: true, force: true }))

let runtime = ''
beforeEach(() => {
  runtime = mkdtempSync(join(root, 'run-'))
})
const files = (): string[] => readdirSync(join(runtime, 'dtlto'))

describe('what links remember of endpoints', () => {
  test('is known to the next link of the user, for that endpoint alone', () => {
    const env = { XDG_RUNTIME_DIR: runtime }
    endpointMemory(env).setDown('distcc', 'build1')
    const next = endpointMemory(env)
    assert.equal(next.isDown('distcc', 'build1'), true)
    assert.equal(next.isDown('distcc', 'build2'), false)
    assert.equal(next.isDown('ssh', 'build1'), false)
  })

  test('is forgotten after some seconds, and cleared away by whoever remembers something', () => {
    const env = { XDG_RUNTIME_DIR: runtime }
    const memory = endpointMemory(env)
    memory.setDown('distcc', 'build1')
    const long = new Date(Date.now() - 60_000)
    for (const name of files()) utimesSync(join(runtime, 'dtlto', name), long, long)
    assert.equal(memory.isDown('distcc', 'build1'), false)
    endpointMemory(env).setDown('distcc', 'build2')
    assert.equal(files().length, 1)
  })

  test('is not read from a directory that others may write to, or that leads elsewhere', () => {
    const env = { XDG_RUNTIME_DIR: runtime }
    endpointMemory(env).setDown('distcc', 'build1')
    chmodSync(join(runtime, 'dtlto'), 0o777)
    assert.equal(endpointMemory(env).isDown('distcc', 'build1'), false)

    const elsewhere = mkdtempSync(join(root, 'elsewhere-'))
    mkdirSync(join(elsewhere, 'dtlto'), { mode: 0o700 })
    endpointMemory({ XDG_RUNTIME_DIR: elsewhere }).setDown('distcc', 'build1')
    const linked = mkdtempSync(join(root, 'linked-'))
    symlinkSync(join(elsewhere, 'dtlto'), join(linked, 'dtlto'))
    assert.equal(endpointMemory({ XDG_RUNTIME_DIR: linked }).isDown('distcc', 'build1'), false)
  })

  test('is nothing where it cannot be kept', () => {
    const memory = endpointMemory({ XDG_RUNTIME_DIR: '/proc/self/no/such' })
    memory.setDown('distcc', 'build1')
    assert.equal(memory.isDown('distcc', 'build1'), false)
  })

  test('is kept where temporary files are when the system gives the user no directory of his own', () => {
    const env = { TMPDIR: runtime }
    endpointMemory(env).setDown('distcc', 'build1')
    assert.equal(endpointMemory(env).isDown('distcc', 'build1'), true)
    assert.ok(existsSync(join(runtime, `dtlto-${String(process.getuid?.())}`)))
  })
})
