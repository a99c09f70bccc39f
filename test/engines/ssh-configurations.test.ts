/** What users write into ~/.ssh/config, and machines with next to nothing on them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Sshd, SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { SshLink, until } from './ssh-link.js'

const NONE = '--distribute-fallback=none'

describe('a link over ssh', { skip: whyNoSshd() }, () => {
  let user: SshUser
  let link: SshLink
  let gate: Sshd
  let inner: Sshd
  before(async () => {
    user = new SshUser()
    link = new SshLink(user, 4)
    gate = await user.machine('gate')
    inner = await user.machine('inner')
  })
  after(async () => {
    await user.remove()
    link.remove()
  })

  const sessionsWhile = async (options: readonly string[], machine: Sshd): Promise<number> => {
    let most = 0
    const said = await link.identical(options, async (linker) => {
      await until(() => {
        most = Math.max(most, machine.sessions().length)
        return linker.exitCode !== null || linker.signalCode !== null
      })
    })
    assert.equal(said, '')
    return most
  }

  test('reaches machines that only another one reaches, by ProxyJump', async () => {
    user.reach('behind', inner, ['ProxyJump gate'])
    assert.ok((await sessionsWhile(['--distribute=ssh,hosts=behind/2', NONE], gate)) > 0, 'the gate was not passed')
    assert.ok(inner.toolchain().includes('inner'))
  })

  test('and by a ProxyCommand, which ends with the link', async () => {
    const ssh = join(user.directory, 'bin/ssh')
    user.reach('piped', inner, [`ProxyCommand ${ssh} gate -W ${inner.address}:${inner.port}`])
    assert.equal(await link.identical(['--distribute=ssh,hosts=piped/2', NONE]), '')
    await until(() => gate.sessions().length === 0)
  })

  test('accepts options of other systems that the configuration has ignored (IgnoreUnknown)', async () => {
    user.configure('IgnoreUnknown UseKeychain\nUseKeychain yes')
    assert.equal(await link.identical(['--distribute=ssh,hosts=inner/2', NONE]), '')
  })

  test('shares a connection that stays (ControlMaster, ControlPersist), and does not wait for its end', async () => {
    const path = join(user.directory, 'master')
    user.configure(`Host inner\n  ControlMaster auto\n  ControlPath ${path}\n  ControlPersist 600`)
    const options = ['--distribute=ssh,hosts=inner/2', NONE]
    try {
      assert.equal(await link.identical(options), '')
      assert.ok(existsSync(path), 'there is no master')
      const connections = inner.sessions()
      assert.equal(await link.identical(options), '')
      assert.deepEqual(inner.sessions(), connections, 'the second link has a connection of its own')
    } finally {
      spawnSync('ssh', ['-O', 'exit', 'inner'], { env: { ...process.env, ...user.env } })
    }
  })

  test('and does without a master that is there, but does not answer any more', async () => {
    const path = join(user.directory, 'stale')
    user.configure(`Host inner\n  ControlMaster no\n  ControlPath ${path}\n  ControlPersist no`)
    assert.equal(
      spawnSync('python3', ['-c', 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', path]).status,
      0,
    )
    assert.equal(await link.identical(['--distribute=ssh,hosts=inner/2', NONE]), '')
  })
})

function whyNoBusybox(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root has sshd show another root directory'
  if (!existsSync(BUSYBOX)) return "busybox is not installed (Debian package 'busybox-static')"
  return whyNoSshd()
}
const BUSYBOX = '/bin/busybox'

test('a machine that has busybox and nothing else makes the bytes of stock lld', { skip: whyNoBusybox() }, async () => {
  // sshd takes only roots that nobody else may write to, down from /.
  const home = join(homedir(), '.cache/dtlto')
  mkdirSync(home, { recursive: true })
  const root = mkdtempSync(join(home, 'busybox-'))
  const user = new SshUser()
  const link = new SshLink(user, 4)
  const mounts = ['proc', 'dev'].map((name) => join(root, name))
  try {
    for (const name of ['bin', 'proc', 'dev', 'tmp', 'root']) mkdirSync(join(root, name), { recursive: true })
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
    const { stdout } = spawnSync(BUSYBOX, ['--list'], { encoding: 'utf8' })
    for (const name of stdout.split('\n'))
      if (/^[a-z0-9]+$/.test(name) && name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name))
    // sshd starts the shell of the user's account, and busybox takes its name for that of a program.
    const shell = userInfo().shell ?? '/bin/sh'
    mkdirSync(join(root, dirname(shell)), { recursive: true })
    if (!existsSync(join(root, shell)))
      writeFileSync(join(root, shell), '#!/bin/sh\nexec /bin/sh "$@"\n', { mode: 0o755 })
    assert.equal(spawnSync('mount', ['-t', 'proc', 'proc', join(root, 'proc')]).status, 0)
    assert.equal(spawnSync('mount', ['--bind', '/dev', join(root, 'dev')]).status, 0)
    const machine = await user.machine('small', { root })
    assert.equal(await link.identical(['--distribute=ssh,hosts=small/2', NONE]), '')
    assert.ok(readdirSync(machine.toolchain()).includes('dtlto-codegen'))
  } finally {
    await user.remove()
    link.remove()
    for (const mount of mounts) spawnSync('umount', [mount])
    rmSync(root, { recursive: true, force: true })
  }
})
