/** What goes wrong with machines over ssh costs a link some time and a warning that says what to do; its bytes are those of stock lld. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Cable } from '../../packages/distributor-distcc/src/testing/cable.js'
import { type Sshd, SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { SshLink, until } from './ssh-link.js'

const NONE = '--distribute-fallback=none'
const ssh = (hosts: string): string => `--distribute=ssh,hosts=${hosts}`

describe('a machine over ssh', { skip: whyNoSshd() }, () => {
  let user: SshUser
  let link: SshLink
  let build1: Sshd
  let build2: Sshd
  before(async () => {
    user = new SshUser()
    link = new SshLink(user)
    build1 = await user.machine('build1')
    build2 = await user.machine('build2')
    await link.identical([ssh('build1/2+build2/2'), NONE])
    await until(() => existsSync(join(build2.cache, 'dtlto/toolchain')))
  })
  after(async () => {
    await user.remove()
    link.remove()
  })

  /** While it compiles a job. */
  const compiling = (machine: Sshd): Promise<void> => until(() => machine.processes('--serve-many').length > 1)

  test('whose dtlto-codegen is killed is connected to again', async () => {
    const stderr = await link.identical([ssh('build1/2'), NONE], async () => {
      await compiling(build1)
      build1.signal('SIGKILL', '--serve-many')
    })
    assert.match(stderr, /^(ld\.dtlto: warning: ssh: .*'build1'.*\n)?$/)
  })

  test('whose compiler of one job crashes loses that job alone', async () => {
    const stderr = await link.identical([ssh('build1/2')], async () => {
      await compiling(build1)
      const [, ...compilers] = build1.processes('--serve-many').sort((a, b) => a - b)
      for (const pid of compilers.slice(0, 1)) process.kill(pid, 'SIGSEGV')
    })
    assert.match(stderr, /^(ld\.dtlto: warning: .*a compiler process has ended: .*\n)?$/)
  })

  test('that stops in the middle is done without', async () => {
    await link.identical([ssh('build1/2+build2/2')], async () => {
      await compiling(build1)
      build1.signal('SIGSTOP')
    })
    build1.signal('SIGKILL')
  })

  test('runs nothing any more when the linker is killed', async () => {
    const { exitCode } = await link.run([ssh('build1/2+build2/2'), NONE], async (linker) => {
      await compiling(build1)
      linker.kill('SIGKILL')
    })
    assert.equal(exitCode, null)
    for (const machine of [build1, build2]) await until(() => machine.processes().length === 0)
  })

  test('runs nothing any more when the link is done', async () => {
    await link.identical([ssh('build1/2'), NONE])
    await until(() => build1.processes().length === 0)
  })

  test('may serve two links that both find nothing there', async () => {
    const both = await user.machine('both')
    await Promise.all([1, 2].map(() => link.identical([ssh('both/2'), NONE])))
    assert.ok(both.toolchain())
    assert.deepEqual(
      readdirSync(both.toolchain()).filter((name) => name.startsWith('tmp')),
      [],
    )
  })

  for (const [what, damage] of [
    ['with other bytes', (file: string) => writeFileSync(file, readFileSync(file).reverse())],
    ['cut off', (file: string) => truncateSync(file, 1000)],
    ['missing', (file: string) => rmSync(file)],
    ['not to be executed', (file: string) => chmodSync(join(file, '../dtlto-codegen'), 0)],
  ] as const) {
    test(`mends what it keeps of dtlto: a file ${what}`, async () => {
      const toolchain = build1.toolchain()
      chmodSync(join(toolchain, 'libc.so.6'), 0o700)
      damage(join(toolchain, 'libc.so.6'))
      assert.equal(await link.identical([ssh('build1/2'), NONE]), '')
      assert.equal(build1.toolchain(), toolchain)
    })
  }

  test('forgets toolchains that nobody has used for long, and what was left half done', async () => {
    const machine = await user.machine('old')
    const parent = join(machine.cache, 'dtlto/toolchain')
    const [unused, used] = ['0123', '89ab'].map((digits) => digits.repeat(16)) as [string, string]
    for (const name of [unused, 'tmp.4567', used]) mkdirSync(join(parent, name), { recursive: true })
    spawnSync('touch', ['-d', '40 days ago', join(parent, unused)])
    spawnSync('touch', ['-d', '3 days ago', join(parent, 'tmp.4567'), join(parent, used)])
    await link.identical([ssh('old/2'), NONE])
    const left = readdirSync(parent)
    assert.equal(left.length, 2, left.join())
    assert.ok(left.includes(used))
  })

  test('keeps what else is in a directory that the user names, and who may read it', async () => {
    const { cache } = await user.machine('shared')
    const directory = join(cache, 'scratch')
    mkdirSync(join(directory, 'thesis'), { recursive: true })
    chmodSync(directory, 0o755)
    spawnSync('touch', ['-d', '40 days ago', join(directory, 'thesis'), join(directory, 'tmp.old')])
    assert.equal(await link.identical([`--distribute=ssh,hosts=shared/2,cache=${directory}`, NONE]), '')
    assert.deepEqual(readdirSync(directory).sort(), ['dtlto-toolchain', 'thesis', 'tmp.old'])
    assert.equal(statSync(directory).mode & 0o777, 0o755)
    assert.equal(statSync(join(directory, 'dtlto-toolchain')).mode & 0o777, 0o700)
  })

  test('whose shell greets is understood', async () => {
    await user.machine('greets', {
      config: ['ForceCommand echo Welcome to build7; echo; eval "$SSH_ORIGINAL_COMMAND"'],
    })
    assert.equal(await link.identical([ssh('greets/2'), NONE]), '')
  })

  test('without sha256sum has dtlto-codegen check itself', async () => {
    const bin = join(user.directory, 'few-tools')
    mkdirSync(bin)
    for (const tool of ['sh dd find ls id mkdir chmod cat wc tail head cut sort mv rm touch uname'.split(' ')].flat())
      spawnSync('ln', ['-s', `/usr/bin/${tool}`, bin])
    const machine = await user.machine('without', { config: [`ForceCommand PATH=${bin} eval "$SSH_ORIGINAL_COMMAND"`] })
    assert.equal(await link.identical([ssh('without/2'), NONE]), '')
    const file = join(machine.toolchain(), 'libtinfo.so.6')
    chmodSync(file, 0o700)
    appendFileSync(file, 'x')
    assert.equal(await link.identical([ssh('without/2'), NONE]), '')
  })

  // ---- refused, with what to do

  const warns = (host: string, text: RegExp, prepare: () => void | Promise<void>, cache = ''): void => {
    test(`${host}: ${text.source}`, async () => {
      await prepare()
      const distribute = `--distribute=ssh,hosts=${host}${cache}`
      const { exitCode, stderr } = await link.run([distribute, NONE])
      assert.equal(exitCode, 1, stderr)
      assert.match(stderr, text)
      await link.identical([distribute])
    })
  }

  warns('other-key', /host key is not the one in known_hosts.*ssh-keygen -R other-key"/, async () => {
    await user.machine('other-key')
    user.know('other-key', build1.publicKey)
  })
  warns('unknown-key', /host key is not known: connect once by "ssh unknown-key"/, async () => {
    await user.machine('unknown-key')
    user.know('unknown-key', undefined)
  })
  warns('closed', /refuses the login: "ssh -o BatchMode=yes closed true" must work/, async () => {
    await user.machine('closed', { config: ['AuthorizedKeysFile none'] })
  })
  warns('nobody.invalid', /there is no machine by this name/, () => undefined)
  warns('gone', /it cannot be reached.*Connection refused/, async () => {
    await (await user.machine('gone')).stop()
  })
  warns('forced', /its shell does not run what it is told/, async () => {
    await user.machine('forced', { config: ['ForceCommand echo this is for git only >&2; exit 1'] })
  })

  for (const [name, system, machine, text] of [
    ['arm', 'Linux', 'aarch64', /'arm': its processor is aarch64, and this machine's dtlto-codegen needs x86_64/],
    ['mac', 'Darwin', 'x86_64', /'mac': it runs Darwin, and dtlto-codegen needs Linux/],
  ] as const) {
    warns(name, text, async () => {
      const bin = join(user.directory, `tools-of-${name}`)
      mkdirSync(bin)
      const uname = `#!/bin/sh\ncase $1 in -m) echo ${machine} ;; *) echo ${system} ;; esac\n`
      writeFileSync(join(bin, 'uname'), uname, { mode: 0o755 })
      await user.machine(name, { config: [`ForceCommand PATH=${bin}:$PATH eval "$SSH_ORIGINAL_COMMAND"`] })
    })
  }

  describe('with a cache directory', {
    skip: process.getuid?.() === 0 ? false : 'only root can make such directories',
  }, () => {
    const mounted: string[] = []
    after(() => {
      for (const directory of mounted) spawnSync('umount', [directory])
    })
    const mount = (machine: string, options: string) => async (): Promise<void> => {
      const { cache } = await user.machine(machine)
      const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', cache])
      assert.equal(status, 0, 'tmpfs cannot be mounted')
      mounted.push(cache)
    }
    warns(
      'full',
      /cannot be kept there: \d+ MB are free in '.*', and \d+ MB are needed. Make room, or name another/,
      mount('full', 'size=50m'),
    )
    warns(
      'noexec',
      /programs cannot be run in '.*Permission denied.*: name another directory with option cache/,
      mount('noexec', 'noexec'),
    )
    warns('foreign', /would not be safe there: .* belongs to user 65534/, async () => {
      const directory = join((await user.machine('foreign')).cache, 'dtlto/toolchain')
      mkdirSync(directory, { recursive: true })
      chownSync(directory, 65534, 65534)
    })
    warns(
      'nowhere',
      /cannot be kept there: '\/proc\/dtlto\/dtlto-toolchain' cannot be made/,
      async () => {
        await user.machine('nowhere')
      },
      ',cache=/proc/dtlto',
    )
  })
})

const noCable = whyNoSshd() ?? Cable.whyNot()

describe('a machine at the end of a wire', { skip: noCable }, () => {
  let user: SshUser
  let link: SshLink
  let build1: Sshd
  let build2: Sshd
  const cables: Cable[] = []
  before(async () => {
    user = new SshUser()
    link = new SshLink(user)
    const machines = ['build1', 'build2'].map((name) => {
      const cable = Cable.lay()
      cables.push(cable)
      return user.machine(name, { wrapper: cable.wrapper, address: cable.address })
    })
    build1 = (await machines[0]) as Sshd
    build2 = (await machines[1]) as Sshd
    assert.equal(await link.identical([ssh('build1/2+build2/2'), NONE]), '')
  })
  after(async () => {
    await user.remove()
    for (const cable of cables) cable.remove()
    link.remove()
  })

  for (const end of ['here', 'there'] as const) {
    test(`that is cut ${end} is done without, and runs nothing any more`, async () => {
      await link.identical([ssh('build1/2+build2/2')], async () => {
        await until(() => build1.processes('--serve-many').length > 1)
        cables[0]?.cut(end)
      })
      // It hears nothing more, and ends by itself.
      await until(() => build1.processes('--serve-many').length === 0)
      cables[0]?.mend()
    })
  }

  test('that was never plugged in is told of', async () => {
    cables[1]?.cut('here')
    await link.identical([ssh('build2/2')])
    const { exitCode, stderr } = await link.run([ssh('build2/2,connect-timeout-ms=1000'), NONE])
    assert.equal(exitCode, 1)
    assert.match(
      stderr,
      /ssh: 0 of 1 servers up: 'build2': it cannot be reached \(ssh: .*; it was named by the command line$/m,
    )
    cables[1]?.mend()
    await build2.stop()
  })
})
