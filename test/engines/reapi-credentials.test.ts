/** Who the link is to an engine: headers that a program of the user's gives, and settings from the environment. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { DTLTO } from '../link/toolchain.js'
import { DistccLink } from './distcc-link.js'

const MODULES = 4

describe('a link with a credential helper', () => {
  let program: DistccLink
  let engine: FakeEngine
  before(() => {
    program = new DistccLink(MODULES - 1, 1)
    const helper = join(program.directory, 'helper')
    const answer = String.raw`printf '{"headers":{"authorization":["%s"]}}' "$(cat token)"`
    writeFileSync(helper, `#!/bin/sh\ncat > question\necho >> asked\n[ ! -e broken ] || exit 1\n${answer}\n`)
    chmodSync(helper, 0o755)
  })
  afterEach(() => {
    engine.stop()
    for (const name of ['asked', 'broken', 'dtlto.toml']) rmSync(join(program.directory, name), { force: true })
  })
  after(() => program.remove())

  const inProgram = (name: string): string => join(program.directory, name)
  const start = async (token: string): Promise<void> => {
    writeFileSync(inProgram('token'), token)
    engine = await FakeEngine.start({ token })
  }
  const options = (more: string): readonly string[] => [
    `--distribute=reapi,remote_executor=${engine.address},toolchain=image,image_compiler=${codegenProgram()}${more}`,
    '--distribute-fallback=none',
    '--distribute-trace=trace.json',
  ]
  const asked = (): number => readFileSync(inProgram('asked'), 'utf8').length

  test('is let in by what the program says, which is asked once', async () => {
    await start('a-secret')
    const { exitCode, stderr } = await program.start(options(',credential_helper=./helper'))
    assert.deepEqual([exitCode, stderr], [0, ''])
    assert.ok(program.isIdentical())
    assert.equal(asked(), 1)
    assert.equal(readFileSync(inProgram('question'), 'utf8'), `{"uri":"${engine.address.replace('grpc', 'http')}/"}`)
  })

  test('asks again when the server does not accept any more what it had', async () => {
    await start('old-secret')
    engine.onExecuted = () => {
      writeFileSync(inProgram('token'), 'new-secret')
      engine.faults = { token: 'new-secret' }
    }
    const { exitCode, stderr } = await program.start(options(',slots=1,credential_helper=127.0.0.1=./helper'))
    assert.deepEqual([exitCode, stderr], [0, ''])
    assert.ok(program.isIdentical())
    assert.equal(asked(), 2)
    assert.doesNotMatch(readFileSync(inProgram('trace.json'), 'utf8'), /(old|new)-secret/)
  })

  test('fails and names the program when that fails', async () => {
    await start('a-secret')
    writeFileSync(inProgram('broken'), '')
    const { exitCode, stderr } = await program.start(options(',credential_helper=./helper'))
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /the credential helper '\.\/helper' ends with exit code 1/)
  })

  test('does not run a program that a dtlto.toml names which was merely found', async () => {
    await start('a-secret')
    writeFileSync(inProgram('dtlto.toml'), '[distributor.reapi]\ncredential_helper = ["./helper"]\n')
    const { exitCode, stderr } = await program.start(options(''))
    assert.equal(exitCode, 1)
    assert.match(
      stderr,
      /'credential_helper' of \[distributor\.reapi\] in .*: it names a program to run; .*dtlto allow/,
    )
    assert.throws(asked, { code: 'ENOENT' })
  })

  test('does not send it to a server that such a file names', async () => {
    await start('a-secret')
    writeFileSync(inProgram('dtlto.toml'), `[distributor.reapi]\nremote_executor = "${engine.address}"\n`)
    const { exitCode, stderr } = await program.start(['--distribute=reapi,credential_helper=./helper'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /'remote_executor' of \[distributor\.reapi\] in .*: it names a server, and secrets are set/)
    assert.throws(asked, { code: 'ENOENT' })
  })

  test('may have all its settings in the environment', async () => {
    await start('a-secret')
    const env = {
      ...process.env,
      DTLTO_DISTRIBUTE: 'reapi',
      DTLTO_FALLBACK: 'none',
      DTLTO_REAPI_REMOTE_EXECUTOR: engine.address,
      DTLTO_REAPI_TOOLCHAIN: 'image',
      DTLTO_REAPI_IMAGE_COMPILER: codegenProgram(),
      DTLTO_REAPI_CREDENTIAL_HELPER: './helper',
      DTLTO_REAPI_SLOTS: '2',
    }
    const child = spawn(DTLTO, [...program.args, '-o', 'out'], { cwd: program.directory, env, stdio: 'ignore' })
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.ok(program.isIdentical())
    assert.equal(engine.count('Execute'), MODULES + 1, 'jobs, and the question for the version')
  })
})
