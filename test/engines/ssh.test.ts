/** `--distribute=ssh` and workers through ssh: whole links with real machines, each an sshd of Debian's package. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { type Sshd, SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { DTLTO_BIN, type Ran, run } from '../link/toolchain.js'
import { SshLink, until } from './ssh-link.js'

const NONE = '--distribute-fallback=none'

describe('machines over ssh', { skip: whyNoSshd() }, () => {
  let user: SshUser
  let link: SshLink
  let build1: Sshd
  let build2: Sshd
  before(async () => {
    user = new SshUser()
    link = new SshLink(user)
    build1 = await user.machine('build1')
    build2 = await user.machine('build2')
  })
  after(async () => {
    await user.remove()
    link.remove()
  })

  test('are workers that a command starts', async () => {
    const command = `ssh -o BatchMode=yes build1 ${codegenProgram()} --serve`
    assert.equal(await link.identical([`--distribute=worker,slots=2,command=${command}`, NONE]), '')
  })

  test('need nothing: the compiler is sent once', async () => {
    assert.equal(await link.identical(['--distribute=ssh,hosts=build1/2', NONE]), '')
    const toolchain = build1.toolchain()
    assert.ok(readdirSync(toolchain).includes('dtlto-codegen'))
    assert.equal(await link.identical(['--distribute=ssh,hosts=build1/2', NONE]), '')
    assert.equal(build1.toolchain(), toolchain)
  })

  test('are examined by the doctor: one that cannot be reached is a warning beside one that can', () => {
    const env = { ...user.env, PATH: `${DTLTO_BIN}${delimiter}${user.env['PATH'] ?? ''}` }
    const examine = (hosts: string): Ran =>
      run(join(DTLTO_BIN, 'dtlto'), ['doctor', `--distribute=ssh,hosts=${hosts}`], { cwd: link.cwd, env })
    const good = examine('build1/2')
    assert.match(
      good.stdout,
      /ok +ssh: 'build1': connected in \d+ ms; answers in \d+ ms; .*2 slots; dtlto-codegen (is there|was sent)/,
    )
    assert.equal(good.exitCode, 0, good.stdout)
    const some = examine('build1/2+no-such-machine/2')
    assert.match(some.stdout, /WARN +ssh: .*no-such-machine/)
    assert.equal(some.exitCode, 0, some.stdout)
    const none = examine('no-such-machine/2')
    assert.match(none.stdout, /BAD +ssh: .*no-such-machine/)
    assert.equal(none.exitCode, 1)
  })

  test('may be several, and fill the ThinLTO cache', async () => {
    const options = ['--distribute=ssh,hosts=build1/2+build2/2', NONE, '--thinlto-cache-dir=cache']
    assert.equal(await link.identical(options), '')
    const entries = readdirSync(join(link.cwd, 'cache')).filter((name) => name.startsWith('llvmcache-'))
    assert.equal(entries.length, link.objects.length)
  })

  test("may be the entries with @ of distcc's list", async () => {
    const env = { DISTCC_HOSTS: '127.0.0.1:1 @build2/2:/usr/bin/distccd,lzo --randomize' }
    assert.equal(await link.identical(['--distribute=ssh', NONE], undefined, env), '')
    await until(() => existsSync(join(build2.cache, 'dtlto/toolchain')))
  })
})
