import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findHosts } from './host-sources.js'
import { parseHosts } from './hosts.js'

const only = (text: string): unknown => {
  const [host, ...more] = parseHosts(text).hosts
  assert.equal(more.length, 0)
  return host === undefined ? undefined : [host.name, host.host, host.port, host.slots, host.compiler]
}

describe('a list of hosts', () => {
  it('is read as users of distcc write it', () => {
    assert.deepEqual(only('build1'), ['build1', 'build1', 3632, undefined, undefined])
    assert.deepEqual(only('10.0.0.7:3700/16,lzo'), ['10.0.0.7:3700', '10.0.0.7', 3700, 16, undefined])
    assert.deepEqual(only('build1/8:3700,cpp,lzo'), ['build1:3700', 'build1', 3700, 8, undefined])
    assert.deepEqual(only('[fe80::1%eth0]:3700/2'), ['[fe80::1%eth0]:3700', 'fe80::1%eth0', 3700, 2, undefined])
    assert.deepEqual(only('[::1]'), ['[::1]', '::1', 3632, undefined, undefined])
    assert.deepEqual(only('localhost:3632/4'), ['localhost', 'localhost', 3632, 4, undefined])
    assert.deepEqual(only('a/4,compiler=clang-22.1'), ['a', 'a', 3632, 4, 'clang-22.1'])
  })

  it('may have comments, line ends, --randomize, and a server twice, which counts once', () => {
    const list = parseHosts('# all\n--randomize a/2 # the first\n\tb\n a/9\n')
    assert.deepEqual(
      list.hosts.map(({ name, slots }) => [name, slots]),
      [
        ['a', 2],
        ['b', undefined],
      ],
    )
    assert.deepEqual(list.skipped, [{ entry: 'a/9', reason: `'a' is listed before` }])
  })

  it('leaves out what is no distccd on TCP, and says why', () => {
    const list = parseHosts(
      'localhost localhost/2 --localslots=3 --localslots_cpp=8 @ssh me@ssh/4 +zeroconf kdc,auth a',
    )
    assert.deepEqual(
      list.hosts.map(({ name }) => name),
      ['a'],
    )
    assert.deepEqual(
      list.skipped.map(({ reason }) => /distributor 'local'|ssh|Zeroconf|GSS/.exec(reason)?.[0]),
      [...Array.from({ length: 4 }, () => `distributor 'local'`), 'ssh', 'ssh', 'Zeroconf', 'GSS'],
    )
  })

  it('is refused with the entry that cannot be read', () => {
    for (const entry of [
      'a:0',
      'a:70000',
      'a/0',
      'a/x',
      'a:b',
      ':3632',
      'a,fast',
      '[::1',
      '::1',
      '--fast',
      'a/2/3',
      'a:1:2',
      'a,compiler=/bin/sh',
    ]) {
      assert.throws(
        () => parseHosts(`good ${entry}`),
        (error: Error) => error instanceof SyntaxError && error.message.includes(`'${entry}'`),
        entry,
      )
    }
  })

  it('never breaks on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ab1:/,[]@#-+ \n.=%')) }), (text) => {
        try {
          for (const { port, slots } of parseHosts(text).hosts) assert.ok(port > 0 && port < 65536 && slots !== 0)
        } catch (error) {
          assert.ok(error instanceof SyntaxError)
        }
      }),
    )
  })
})

describe('the servers of a link', () => {
  const files: Record<string, string> = {
    '/home/u/.distcc/hosts': 'home-server',
    '/d/hosts': 'dir-server',
    '/etc/distcc/hosts': '# comment only\netc-server',
  }
  const find = (
    env: Record<string, string>,
    option?: readonly string[],
    readable: (path: string) => boolean = () => true,
  ): string => {
    const found = findHosts({ option, env, readFile: (path) => (readable(path) ? files[path] : undefined) })
    return `${found.hosts.map(({ name }) => name).join()} from ${found.from}`
  }

  it('come from the option, else the environment, else the first of distcc’s files that names any', () => {
    const env = { HOME: '/home/u', DISTCC_HOSTS: 'env-server' }
    assert.equal(find(env, ['a/2', 'b']), `a,b from option 'hosts'`)
    assert.equal(find(env), 'env-server from DISTCC_HOSTS')
    assert.equal(find({ HOME: '/home/u' }), `home-server from '/home/u/.distcc/hosts'`)
    assert.equal(find({ HOME: '/home/u', DISTCC_DIR: '/d' }), `dir-server from '/d/hosts'`)
    assert.equal(
      find({ HOME: '/home/u' }, undefined, (path) => path.startsWith('/etc')),
      `etc-server from '/etc/distcc/hosts'`,
    )
    assert.equal(find({ DISTCC_HOSTS: ' ' }), `etc-server from '/etc/distcc/hosts'`)
  })

  it('must be named somewhere, and the error says where', () => {
    const nowhere = (): unknown => findHosts({ option: undefined, env: {}, readFile: () => '# nothing' })
    assert.throws(nowhere, { code: 'DTLTO_OPTION_INVALID', message: /hosts=HOST\/SLOTS.*DISTCC_HOSTS/ })
    const useless = (): unknown => findHosts({ option: ['localhost', '@ssh'], env: {} })
    assert.throws(useless, { code: 'DTLTO_OPTION_INVALID', message: /'localhost': .* '@ssh': machines over ssh/ })
    const unreadable = (): unknown => findHosts({ option: undefined, env: { DISTCC_HOSTS: 'a:b' } })
    assert.throws(unreadable, { code: 'DTLTO_OPTION_INVALID', message: /^DISTCC_HOSTS cannot be read: .*'a:b'/ })
  })
})
