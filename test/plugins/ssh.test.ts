import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { conformance } from '@dtlto/testkit'
import ssh from '../../packages/distributor-ssh/src/index.js'
import { SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'

const skip = whyNoSshd()

if (skip === undefined) {
  const user = new SshUser()
  await user.machine('build1')
  after(() => user.remove())
  // The suite's links inherit the environment.
  Object.assign(process.env, user.env)
  conformance({
    saysSent: true,
    definition: ssh,
    options: { hosts: ['build1/2'] },
    badOptions: [{ hosts: ['[::1'] }, { hosts: ['-oProxyCommand=x'] }, { hosts: ['a,lzo'] }],
    distribute: 'ssh,hosts=build1/2',
  })
}

test('a machine over ssh is a distributor like any other', { skip }, () => {
  assert.equal(ssh.name, 'ssh')
})
