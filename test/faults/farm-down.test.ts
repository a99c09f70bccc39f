/** What a user reads when no server of the farm answers: one line, with where the servers were named; and a link that may not do without ends soon. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { compile, DTLTO, SMALL_PROGRAM } from '../link/toolchain.js'
import { tryRun } from '../programs/run.js'

/** A retry after a minute, or a server that is waited for, would break it; a busy machine does not. */
const SOON_MS = 30_000

describe('a farm that is down', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'dtlto-down-'))
  const home = join(cwd, 'home')
  let objects: readonly string[] = []
  let links = 0

  before(() => {
    mkdirSync(join(home, '.distcc'), { recursive: true })
    objects = compile(cwd, SMALL_PROGRAM)
  })
  after(() => rmSync(cwd, { recursive: true, force: true }))

  interface Asked {
    readonly options?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
  }

  /** No link knows what the one before has found down. */
  function link({ options = ['--distribute=distcc'], env = {} }: Asked) {
    const memories = join(cwd, `memories ${String(links++)}`)
    mkdirSync(memories)
    rmSync(join(cwd, 'out'), { force: true })
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DISTCC_')))
    const { status, stderr } = spawnSync(DTLTO, ['-shared', '-o', 'out', ...objects, ...options], {
      cwd,
      env: { ...clean, HOME: home, XDG_RUNTIME_DIR: memories, ...env },
      encoding: 'utf8',
      timeout: SOON_MS,
    })
    return { exitCode: status, stderr, isThere: existsSync(join(cwd, 'out')) }
  }

  const refusing = async (count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, async () => `127.0.0.1:${String(await freePort())}`))

  test('is one line, however many servers it has, and this machine compiles', async () => {
    const hosts = await refusing(4)
    const { exitCode, stderr } = link({ env: { DISTCC_HOSTS: hosts.join(' ') } })
    const says = `ld.dtlto: warning: distcc: 0 of 4 servers up; compiling here: distcc server '${String(hosts[0])}': connect ECONNREFUSED`
    assert.ok(stderr.startsWith(says), stderr)
    assert.equal(stderr.split('\n').length, 2, stderr)
    assert.equal(exitCode, 0)
  })

  test('is said to be so wherever its servers were named', async () => {
    const [host = ''] = await refusing(1)
    const named: readonly [place: RegExp, asked: Asked, file?: [path: string, text: string]][] = [
      [/named by DISTCC_HOSTS\n/, { env: { DISTCC_HOSTS: host } }],
      [/named by the command line\n/, { options: [`--distribute=distcc,hosts=${host}`] }],
      [/named by DTLTO_DISTCC_HOSTS in the environment\n/, { env: { DTLTO_DISTCC_HOSTS: host } }],
      [/named by DTLTO_DISTRIBUTE/, { options: [], env: { DTLTO_DISTRIBUTE: `distcc,hosts=${host}` } }],
      [/named by '\/.*\/home\/\.distcc\/hosts'\n/, {}, [join(home, '.distcc/hosts'), `${host}\n`]],
      [
        /named by 'hosts' of \[distributor\.distcc\] in '\/.*\/dtlto\.toml:2:1'\n/,
        {},
        [join(cwd, 'dtlto.toml'), `[distributor.distcc]\nhosts = ["${host}"]\n`],
      ],
    ]
    for (const [place, asked, file] of named) {
      if (file) writeFileSync(...file)
      const { exitCode, stderr } = link(asked)
      if (file) rmSync(file[0])
      assert.match(stderr, place)
      assert.match(stderr, /0 of 1 servers up; compiling here/)
      assert.equal(exitCode, 0)
    }
  })

  test('of ssh is told in the same way', async () => {
    const [host = ''] = await refusing(1)
    const { exitCode, stderr } = link({ options: [`--distribute=ssh,hosts=${host}`] })
    assert.match(
      stderr,
      /^ld\.dtlto: warning: ssh: 0 of 1 servers up; compiling here: '127\.0\.0\.1:\d+': it cannot be/,
    )
    assert.match(stderr, /named by the command line\n$/)
    assert.equal(exitCode, 0)
  })

  test('ends a link that may not fall back to this machine soon, without an output', async () => {
    const hosts = await refusing(3)
    const env = { DISTCC_HOSTS: hosts.join(' ') }
    const { exitCode, stderr, isThere } = link({ options: ['--distribute=distcc', '--distribute-fallback=none'], env })
    assert.equal(exitCode, 1, 'null: it was still waiting')
    assert.match(stderr, /^ld\.dtlto: warning: distcc: 0 of 3 servers up: distcc server/)
    assert.match(stderr, /error: no distributor could compile '.*', and falling back to this machine is switched off/)
    assert.ok(!isThere)
  })

  test('is asked at most twice a server by such a link: at its start, and after one rest', async (context) => {
    const asked = [0, 0, 0]
    const servers = asked.map((_, i) =>
      createServer((socket) => {
        asked[i] = (asked[i] ?? 0) + 1
        socket.destroy()
      }).listen(0, '127.0.0.1'),
    )
    context.after(() => {
      for (const server of servers) server.close()
    })
    await Promise.all(servers.map((server) => once(server, 'listening')))
    const hosts = servers.map((server) => `127.0.0.1:${String((server.address() as AddressInfo).port)}/4`)
    const memories = join(cwd, 'memories of refusals')
    mkdirSync(memories)
    const own = [`--distribute=distcc,stats-port=0,hosts=${hosts.join('+')}`, '--distribute-fallback=none']
    const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: memories }
    const { exitCode, stderr } = await tryRun(DTLTO, ['-shared', '-o', 'out', ...objects, ...own], { cwd, env })
    assert.equal(exitCode, 1, stderr)
    assert.match(stderr, /error: no distributor could compile/)
    for (const times of asked) assert.ok(times >= 1 && times <= 2, `asked ${asked.join(', ')} times`)
  })
})
