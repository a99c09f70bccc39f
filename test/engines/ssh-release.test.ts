/** A machine of another Debian release, without LLVM: a root directory of its own behind an sshd. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { OTHER_RELEASE } from '../../scripts/other-release.mjs'
import { SshLink } from './ssh-link.js'

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root has sshd show another root directory'
  if (!existsSync(OTHER_RELEASE)) return 'there is no other release: node scripts/other-release.mjs'
  return whyNoSshd()
}

test('a machine of another release, without LLVM, makes the bytes of stock lld', { skip: whyNot() }, async () => {
  const proc = join(OTHER_RELEASE, 'proc')
  assert.equal(spawnSync('mount', ['-t', 'proc', 'proc', proc]).status, 0)
  const user = new SshUser()
  const link = new SshLink(user)
  try {
    const machine = await user.machine('other', { root: OTHER_RELEASE })
    // Of another dtlto that was tested here.
    rmSync(join(machine.cache, 'dtlto'), { recursive: true, force: true })
    const seen = spawnSync('ssh', ['other', 'ls /usr/lib /usr/lib/*'], {
      env: { ...process.env, ...user.env },
      encoding: 'utf8',
    })
    assert.equal(seen.status, 0, seen.stderr)
    assert.doesNotMatch(seen.stdout, /LLVM/)
    assert.equal(await link.identical(['--distribute=ssh,hosts=other/2', '--distribute-fallback=none']), '')
    assert.ok(machine.toolchain().startsWith(OTHER_RELEASE))
  } finally {
    await user.remove()
    link.remove()
    spawnSync('umount', [proc])
  }
})
