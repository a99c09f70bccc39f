/** Settings that cannot be meant: the link ends at once with an error that names the place, and lld's own arguments are left alone. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { freePort } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { CLANG, compile, DTLTO, DTLTO_BIN, inTemporaryDirectory, must, type Ran, run } from '../link/toolchain.js'

interface Wrong {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly file?: string
  readonly error: RegExp
}

const WRONG: Readonly<Record<string, Wrong>> = {
  'a port that is no number': {
    args: ['--distribute=distcc,hosts=h:abc'],
    error: /--distribute=distcc,hosts=h:abc: option 'hosts' of 'distcc': expected HOST\[:PORT\].* received 'h:abc'/,
  },
  'a server without slots': {
    args: ['--distribute=distcc,hosts=h/0'],
    error: /option 'hosts' of 'distcc': expected from 1 to 1024 slots but received 'h\/0'/,
  },
  'a server without slots, in the file': {
    file: 'distribute = "distcc"\n\n[distributor.distcc]\nhosts = ["good", "h/0"]\n',
    error: /'hosts' of \[distributor\.distcc\] in '.*dtlto\.toml:4:1': expected from 1 to 1024 slots/,
  },
  'a server list in the environment that cannot be read': {
    args: ['--distribute=distcc'],
    env: { DISTCC_HOSTS: 'h:abc' },
    error: /--distribute=distcc: DISTCC_HOSTS cannot be read: .*'h:abc'/,
  },
  'certificates for a line without TLS': {
    args: ['--distribute=reapi,remote_executor=grpc://h:1,tls_certificate=ca.pem'],
    error:
      /--distribute=reapi.*: tls_certificate: expected grpcs:\/\/ with it, but nothing is encrypted .* 'grpc:\/\/h:1'/,
  },
  "a priority beyond the protocol's int32": {
    args: ['--distribute=reapi,remote_executor=grpc://h:1,remote_execution_priority=2147483648'],
    error: /option 'remote_execution_priority' of 'reapi': expected .*2147483647.* received '2147483648'/,
  },
  'an option that the distributor refuses when it opens': {
    args: ['--distribute=./refuses.mjs', '--distribute=local'],
    error: /--distribute=\.\/refuses\.mjs: the pool 'x' is not ours/,
  },
  'an option that the distributor does not have': {
    args: ['--distribute=distcc,host=h'],
    error: /distributor 'distcc' has no option 'host': it has .*; did you mean 'hosts'\?/,
  },
  'a distributor with a slip of the pen': {
    args: ['--distribute=distc'],
    error: /no distributor 'distc' could be loaded.*; did you mean 'distcc'\?/s,
  },
  'options for a distributor that nobody has': {
    file: '\n[distributor.distc]\nhosts = ["h"]\n',
    error: /\[distributor\.distc\] in '.*dtlto\.toml:2:1': there is no distributor 'distc'; did you mean 'distcc'\?/,
  },
  'a key of the file with a slip of the pen': {
    file: 'verify = true\nsumary = true\n',
    error: /unknown setting 'sumary' in '.*dtlto\.toml:2:1'; did you mean 'summary'\?/,
  },
  'a file that is no TOML': { file: 'trace = "a"\nx = = 1\n', error: /cannot read configuration '.*dtlto\.toml:2:5'/ },
  'a variable with a slip of the pen': {
    env: { DTLTO_DISTRIBUT: 'distcc' },
    error: /unknown variable 'DTLTO_DISTRIBUT' in the environment; did you mean 'DTLTO_DISTRIBUTE'\?/,
  },
  'an option with a slip of the pen': {
    args: ['--distribute-tarce=t'],
    error: /unknown option '--distribute-tarce'; did you mean 'distribute-trace'\?/,
  },
  'an option given twice': {
    args: ['--distribute-trace=a', '--distribute-trace=b'],
    error: /--distribute-trace: given twice, with 'a' and with 'b'/,
  },
  'a key given twice': { args: ['--distribute=distcc,hosts=a,hosts=b'], error: /'hosts' is given twice/ },
  "lld's own distributor beside dtlto's": {
    args: ['--distribute=local', '--thinlto-distributor=/bin/false'],
    error: /--distribute=local: '--thinlto-distributor=\/bin\/false' has lld distribute the same jobs itself/,
  },
  'distribution required, but nowhere to': {
    args: ['--distribute-required'],
    error: /--distribute-required: there is no distributor but this machine/,
  },
}

const REFUSES = `export default { name: 'refuses', apiVersion: '2.0.0', options: {}, open: async () => {
  const error = Object.assign(new Error("the pool 'x' is not ours"), { code: 'DTLTO_PLUGIN_OPTION_INVALID', details: {} })
  throw Object.assign(error, { [Symbol.for('dtlto.DtltoError')]: true })
} }`

const ONE = { 'one.c': 'int one(void) { return 1; }' }

describe('a link with', { concurrency: 2 }, () => {
  for (const [sentence, { args = [], env = {}, file, error }] of Object.entries(WRONG)) {
    test(`${sentence} ends with an error that names the place`, () =>
      inTemporaryDirectory((cwd) => {
        const objects = compile(cwd, ONE)
        writeFileSync(join(cwd, 'refuses.mjs'), REFUSES)
        if (file !== undefined) writeFileSync(join(cwd, 'dtlto.toml'), file)
        const { exitCode, stdout, stderr } = run(DTLTO, ['-shared', ...objects, '-o', 'out', ...args], { cwd, env })
        assert.equal(exitCode, 1, stderr)
        assert.match(stderr, /^ld\.dtlto: error: /)
        assert.match(stderr, error)
        assert.doesNotMatch(stderr, /defect|warning|\n {4}at /)
        assert.equal(stdout, '')
        assert.ok(!existsSync(join(cwd, 'out')), 'nothing is linked')
      }))
  }
})

test('an option without its value does not take the next argument of the driver for it', () =>
  inTemporaryDirectory((cwd) => {
    compile(cwd, { 'main.cpp': 'int main() {}' })
    const before = readdirSync(cwd)
    const args = ['-flto=thin', `--ld-path=${DTLTO}`, 'main.o', '-Wl,--distribute-trace', '-lstdc++', '-o', 'out']
    const { exitCode, stderr } = run(CLANG, args, { cwd })
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /ld\.dtlto: error: --distribute-trace: missing value; write --distribute-trace=<file>\n/)
    assert.deepEqual(readdirSync(cwd), before)
  }))

test("lld-link's spelling of a wrong option is named as it was written", () =>
  inTemporaryDirectory((cwd) => {
    const { exitCode, stderr } = run(join(DTLTO_BIN, 'dtlto-link'), ['/distribute-trace', 'x.obj'], { cwd })
    assert.equal(exitCode, 1)
    assert.match(stderr, /dtlto-link: error: \/distribute-trace: missing value; write \/distribute-trace:<file>\n/)
  }))

test("lld's own distributor is used, and named, where only the environment asks for another", () =>
  inTemporaryDirectory((cwd) => {
    const objects = compile(cwd, ONE)
    const args = ['-shared', ...objects, '-o', 'out', '--thinlto-distributor=/bin/false']
    const { stderr } = run(DTLTO, args, { cwd, env: { DTLTO_DISTRIBUTE: 'distcc,hosts=h' } })
    assert.match(
      stderr,
      /warning: DTLTO_DISTRIBUTE=distcc,hosts=h is not used: '--thinlto-distributor=\/bin\/false' has/,
    )
  }))

describe('--distribute-required', () => {
  const linkWith = async (args: readonly string[], sources: Readonly<Record<string, string>> = ONE): Promise<Ran> =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, sources)
      writeFileSync(join(cwd, 'good.mjs'), GOOD)
      const ran = run(DTLTO, ['-shared', ...objects, '-o', 'out', '--distribute-required', ...args], { cwd })
      assert.equal(existsSync(join(cwd, 'out')), ran.exitCode === 0, ran.stderr)
      return ran
    })
  const CODEGEN = new URL('../plugins/codegen.js', import.meta.url).href
  const GOOD = `import { codegen } from ${JSON.stringify(CODEGEN)}
    export default { name: 'good', apiVersion: '2.0.0', options: { how: { type: 'string', description: '' } },
    open: (context, { how }) => { const good = codegen(context, 1); return {
      endpoints: () => [{ id: 'good', slots: 1, accepting: true, speed: how === 'slow' ? 0.001 : 1 }],
      compile: (job, endpoint, attempt) => how === 'cannot' ? Promise.resolve({ kind: 'cannot', reason: 'only on Sundays' })
        : how === 'slow' ? new Promise((_, reject) => attempt.signal.addEventListener('abort', () => reject(new Error('late'))))
        : good.compile(job, attempt),
      close: good.close, destroy: good.destroy } } }`

  test('fails a link whose servers are all down, before it has an output, also when this machine takes part', async () => {
    for (const more of [[], ['--distribute=local']]) {
      // Another server each time: what one link finds down the next does not wait for.
      const down = `--distribute=distcc,hosts=127.0.0.1:${String(await freePort())}`
      const { exitCode, stderr } = await linkWith([down, ...more])
      assert.equal(exitCode, 1)
      assert.match(
        stderr,
        /error: no distributor has compiled any of the 1 jobs, and --distribute-required asks for it/,
      )
      assert.match(stderr, /--distribute-required asks for it \(distcc: .*ECONNREFUSED/)
    }
  })

  test('fails a link of which a distributor can take no job, with its reason', async () => {
    const { exitCode, stderr } = await linkWith(['--distribute=./good.mjs,how=cannot'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /asks for it \(good: only on Sundays\)/)
  })

  test('passes a link of which a distributor took a job, or would have if this machine had not been faster', async () => {
    assert.equal((await linkWith(['--distribute=./good.mjs'])).exitCode, 0)
    assert.equal((await linkWith(['--distribute=./good.mjs,how=slow', '--distribute=local'])).exitCode, 0)
  })

  test('passes a link without jobs', () =>
    inTemporaryDirectory((cwd) => {
      writeFileSync(join(cwd, 'one.c'), ONE['one.c'])
      must(CLANG, ['-c', 'one.c'], { cwd })
      must(DTLTO, ['-shared', 'one.o', '-o', 'out', '--distribute=distcc,hosts=h', '--distribute-required'], { cwd })
    }))

  test('passes a link whose jobs are all in the cache', () =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, ONE)
      const args = ['-shared', ...objects, '-o', 'out', '--thinlto-cache-dir=cache']
      must(DTLTO, args, { cwd })
      must(DTLTO, [...args, '--distribute=distcc,hosts=h', '--distribute-required'], { cwd })
    }))
})
