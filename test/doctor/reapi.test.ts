/** What `dtlto doctor` says of an engine, or of a cache: each thing that can be wrong, with its remedy. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { FakeEngine, type Faults } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { DTLTO_BIN, LLVM_BIN } from '../link/toolchain.js'

/** stdout of `dtlto doctor` for one distributor, and its exit code. The engine may be in this process. */
async function doctor(options: string): Promise<{ exitCode: number | null; stdout: string }> {
  const cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
  try {
    const env = { ...process.env, PATH: `${DTLTO_BIN}:${LLVM_BIN}:/usr/bin:/bin`, MAKEFLAGS: '' }
    const child = spawn(join(DTLTO_BIN, 'dtlto'), ['doctor', `--distribute=reapi,${options}`], { cwd, env })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { exitCode, stdout }
  } finally {
    rmSync(cwd, { recursive: true })
  }
}

const COMPILER = `,toolchain=image,image_compiler=${codegenProgram()}`

describe('dtlto doctor, asked about an engine', () => {
  let engine: FakeEngine
  afterEach(() => engine.stop())
  const examine = async (faults: Faults, more: string, kind = 'remote_executor') => {
    engine = await FakeEngine.start(faults)
    return await doctor(`${kind}=${engine.address}${more}`)
  }

  test('says what it can do, and that it has compiled a job', async () => {
    const { exitCode, stdout } = await examine({}, COMPILER)
    assert.match(
      stdout,
      /^ok {4}reapi: '127\.0\.0\.1:\d+' stores: version 2\.0 to 2\.3 of the API, batches of the usual size$/m,
    )
    assert.match(stdout, /^ok {4}reapi: '127\.0\.0\.1:\d+' executes$/m)
    assert.match(stdout, /^ok {4}reapi: its action cache answers$/m)
    assert.match(stdout, /^ok {4}reapi: its action cache is only read: remote_upload_local_results is off$/m)
    assert.match(stdout, /^ok {4}reapi: compiled a small job on 127\.0\.0\.1:\d+\/fake-1/m)
    assert.equal(exitCode, 0)
    assert.equal(engine.count('UpdateActionResult'), 0, 'nothing is written that was not asked for')
  })

  test('takes a cache that has nothing yet for a good one, and tries whether it may be written', async () => {
    const { exitCode, stdout } = await examine({}, ',remote_upload_local_results', 'remote_cache')
    assert.match(stdout, /^ok {4}reapi: its action cache takes results of this user$/m)
    assert.match(stdout, /^ok {4}reapi: it answers, and does not have the result of a small job/m)
    assert.match(stdout, /All is well/)
    assert.equal(exitCode, 0)
  })

  const wrong: Readonly<Record<string, { faults: Faults; more: string; says: RegExp; kind?: string }>> = {
    'does not know the user': {
      faults: { token: 'secret' },
      more: COMPILER,
      says: /^BAD {3}reapi: .*UNAUTHENTICATED: .*; look at options remote_header and tls_client_certificate/m,
    },
    'executes nothing': {
      faults: { executesNothing: true },
      more: COMPILER,
      says: /^BAD {3}reapi: .* executes nothing, .*: name it by option remote_cache alone if it is a cache/m,
    },
    'has no worker with the properties': {
      faults: { hasNoWorker: true },
      more: `${COMPILER},remote_default_exec_properties=OSFamily=amiga`,
      says: /^BAD {3}reapi: .*FAILED_PRECONDITION: .*is there a worker with the properties of remote_default_exec_properties\?/m,
    },
    'executes nothing of what it takes, not even the question for the compiler': {
      faults: { queue: new Promise(() => undefined) },
      more: COMPILER,
      says: /^BAD {3}reapi: .* nobody has executed it: it waits in its queue\n +to do: is there a worker with the properties of remote_default_exec_properties/m,
    },
    'executes nothing of what it takes': {
      faults: { queue: new Promise(() => undefined) },
      more: ',toolchain=ship',
      says: /^BAD {3}reapi: a small job has waited in its queue for 15 s\n.*\n +to do: has it a worker/m,
    },
    'has workers without the compiler': {
      faults: {},
      more: ',toolchain=image,image_compiler=/nowhere/clang',
      says: /^BAD {3}reapi: '\/nowhere\/clang --version' ends with exit code 127 at a worker: name the compiler/m,
    },
    'says that it takes no results': {
      faults: { refusesResults: 'announced' },
      more: ',remote_upload_local_results',
      kind: 'remote_cache',
      says: /^BAD {3}reapi: its action cache takes no results of this user: it says so\n +to do: have writing .* allowed/m,
    },
    'takes no results': {
      faults: { refusesResults: 'denied' },
      more: ',remote_upload_local_results',
      kind: 'remote_cache',
      says: /^BAD {3}reapi: its action cache takes no results of this user: PERMISSION_DENIED.*\n +to do: have writing/m,
    },
  }
  for (const [what, { faults, more, says, kind }] of Object.entries(wrong)) {
    test(`says so, and what to do, when it ${what}`, async () => {
      const { exitCode, stdout } = await examine(faults, more, kind)
      assert.match(stdout, says)
      assert.equal(stdout.match(/^BAD/gm)?.length, 1, stdout)
      assert.equal(exitCode, 1)
    })
  }

  test('says so when nobody listens', async () => {
    engine = await FakeEngine.start({})
    engine.stop()
    const { exitCode, stdout } = await doctor(`remote_executor=${engine.address}`)
    assert.match(stdout, /^BAD {3}reapi: '127\.0\.0\.1:\d+': UNAVAILABLE: .*ECONNREFUSED/m)
    assert.equal(exitCode, 1)
  })
})

const skip = (await whyNoCasd()) ?? false

describe('dtlto doctor, asked about buildbox-casd', { skip }, () => {
  let server: Casd
  before(async () => {
    server = await Casd.start({ root: 'empty' })
  })
  after(() => server.stop())

  test('finds nothing wrong with it, as an engine and as a cache that may be written', async () => {
    const { exitCode, stdout } = await doctor(`remote_executor=${server.address},remote_upload_local_results`)
    assert.match(stdout, /^ok {4}reapi: its action cache takes results of this user$/m)
    assert.match(stdout, /^ok {4}reapi: compiled a small job on/m)
    assert.equal(exitCode, 0)
  })

  test('names the option when the instance is another', async () => {
    const { exitCode, stdout } = await doctor(`remote_executor=${server.address},remote_instance_name=nobody`)
    assert.match(
      stdout,
      /^BAD {3}reapi: the instance name 'nobody' is refused .*: look at option remote_instance_name/m,
    )
    assert.equal(exitCode, 1)
  })
})
