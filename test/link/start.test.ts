import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { compile, DTLTO, inTemporaryDirectory, run, SMALL_PROGRAM } from './toolchain.js'

/** A distributor that shows the process that it lives in: what is loaded, and what child processes get. */
const WITNESS = `
export default {
  name: 'witness', apiVersion: '1.0.0', options: {},
  async open(context) {
    const { readFileSync } = await import('node:fs')
    const { spawnSync } = await import('node:child_process')
    const loaded = [...new Set(readFileSync('/proc/self/maps', 'utf8').match(/[^/\\n]+$/gm))]
    const children = spawnSync('/usr/bin/env', { encoding: 'utf8' }).stdout
    context.warn('seen', JSON.stringify({ loaded, preload: /^LD_PRELOAD=(.*)$/m.exec(children)?.[1] ?? '' }))
    return {
      status: () => ({ slots: 0, busy: 0, queued: 0, accepting: false }),
      compile: () => Promise.reject(new Error('none')), close: async () => {}, destroy() {},
    }
  },
}`

interface Seen {
  readonly loaded: readonly string[]
  readonly preload: string
}

/** What a link sees of its own process. */
function look(env: Readonly<Record<string, string>>): Promise<Seen> {
  return inTemporaryDirectory((cwd) => {
    const objects = compile(cwd, SMALL_PROGRAM)
    writeFileSync(join(cwd, 'witness.mjs'), WITNESS)
    const args = [...objects, '-shared', '--distribute=./witness.mjs', '--distribute=local', '-o', 'out.so']
    const { exitCode, stderr } = run(DTLTO, args, { cwd, env })
    assert.equal(exitCode, 0, stderr)
    return JSON.parse(/\{.*\}/.exec(stderr)?.[0] ?? stderr) as Seen
  })
}

describe('the start of a linker program', () => {
  it('preloads a library of its own, which child processes do not get', async () => {
    const { loaded, preload } = await look({ LD_PRELOAD: '' })
    for (const library of ['dtlto-early.so', 'dtlto-scope.so', 'dtlto.node'])
      assert.ok(loaded.includes(library), library)
    assert.equal(preload, '')
  })

  it('preloads nothing beside what the user preloads, which child processes get too', async () => {
    const users = 'libutil.so.1'
    const { loaded, preload } = await look({ LD_PRELOAD: users })
    assert.ok(loaded.includes(users))
    assert.ok(loaded.includes('dtlto.node'))
    assert.ok(!loaded.includes('dtlto-early.so'))
    assert.equal(preload, users)
  })
})
