import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { FakeCompilers } from '../../packages/distributor-distcc/src/testing/compilers.js'
import {
  Distccd,
  type DistccdOptions,
  freePort,
  whyNoDistccd,
} from '../../packages/distributor-distcc/src/testing/distccd.js'
import { CLANG, DTLTO_BIN, LLVM_BIN, type Ran, run, LLVM_MAJOR } from '../link/toolchain.js'

const PLUGIN = pathToFileURL(join(DTLTO_BIN, '../dist/plugin.js')).href
const CODEGEN = new URL('../plugins/codegen.js', import.meta.url).href

describe('dtlto doctor', () => {
  let cwd = ''
  let path = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
    mkdirSync(join(cwd, 'bin'))
    symlinkSync(CLANG, join(cwd, 'bin/clang'))
    path = [join(cwd, 'bin'), DTLTO_BIN, '/usr/local/bin', '/usr/bin', '/bin'].join(':')
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const dtlto = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran =>
    run(join(DTLTO_BIN, 'dtlto'), args, { cwd, env: { PATH: path, MAKEFLAGS: '', ...env } })
  const plugin = (name: string, methods: string): string => {
    const file = join(cwd, `${name}.mjs`)
    writeFileSync(
      file,
      `import { defineDistributor, DtltoError } from ${JSON.stringify(PLUGIN)}
       import { codegen } from ${JSON.stringify(CODEGEN)}
       export default defineDistributor({ name: '${name}', apiVersion: '2.0.0', options: {}, open: (context) => {
         const good = codegen(context)
         return { close: () => good.close(), destroy: () => good.destroy(), ${methods} } } })`,
    )
    return file
  }

  test('finds nothing wrong with a good installation, and compiles a job in this process', () => {
    const { exitCode, stdout } = dtlto(['doctor'])
    assert.match(stdout, /^ok {4}Node \d+/m)
    assert.match(stdout, /^ok {4}versions of LLVM: (.*; )?\d+\.\d+\.\d+ links here/m)
    assert.match(stdout, /^ok {4}stock lld \d+\.\d+\.\d+ in/m)
    assert.match(stdout, /^ok {4}clang \d+\.\d+\.\d+/m)
    assert.match(stdout, /^ok {4}clang -fuse-ld=dtlto starts '.*ld\.dtlto'/m)
    assert.match(stdout, /^ok {4}local: compiled a small job/m)
    assert.match(stdout, /All is well/)
    assert.equal(exitCode, 0)
  })

  test('shows what each distributor says of itself, also of those that work', () => {
    const file = plugin(
      'farm',
      `endpoints: () => [
         { id: 'w1', slots: 7, accepting: true, text: 'all up' },
         { id: 'w2', slots: 2, accepting: false, text: 'boots' },
         { id: 'w3', slots: 1, accepting: true },
       ],
       probe: async ({ id }) => { if (id === 'w3') throw new DtltoError('DTLTO_ENDPOINT_REFUSED', 'another LLVM') },
       compile: (job, endpoint, attempt) => good.compile(job, attempt)`,
    )
    const { exitCode, stdout } = dtlto(['doctor', `--distribute=${file}`, '--distribute=local'])
    assert.match(stdout, /WARN {2}\S*farm\.mjs: compiled a small job on w1/)
    assert.match(stdout, /^ +w1: takes work, 7 slots, all up\n +w2: takes no work, 2 slots, boots$/m)
    assert.match(stdout, /^ +w3: takes no work, 1 slots, another LLVM$/m)
    assert.match(stdout, /ok {4}local: compiled/)
    assert.equal(exitCode, 0)
  })

  test('names what is wrong with a distributor, tries the others all the same, and fails', () => {
    const broken = plugin(
      'broken',
      `endpoints: () => [{ id: 'broken', slots: 1, accepting: true }],
       compile: async () => { throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'the cable is out') }`,
    )
    const cannot = plugin(
      'choosy',
      `endpoints: () => [{ id: 'choosy', slots: 1, accepting: true }],
       compile: async () => ({ kind: 'cannot', reason: 'only on Sundays' })`,
    )
    const args = [broken, cannot, 'nobody-has-this', 'local,slots=0', 'local'].map((name) => `--distribute=${name}`)
    const { exitCode, stdout } = dtlto(['doctor', ...args])
    assert.match(stdout, /BAD {3}\S*broken\.mjs: .*\n +the cable is out/)
    assert.match(stdout, /BAD {3}\S*choosy\.mjs: .*\n +it cannot take the job: only on Sundays/)
    assert.match(stdout, /BAD {3}nobody-has-this: no distributor 'nobody-has-this' could be loaded/)
    assert.match(stdout, /BAD {3}local: .*expected an integer from 1 to 4096 but received '0'/)
    assert.match(stdout, /ok {4}local: compiled/)
    assert.equal(exitCode, 1)
  })

  test('reports settings that cannot be used, and where they are', () => {
    writeFileSync(join(cwd, 'dtlto.toml'), 'distribut = "local"\n')
    try {
      const { exitCode, stdout } = dtlto(['doctor'])
      assert.match(stdout, /BAD {3}unknown setting 'distribut' in '.*dtlto\.toml:1:1'; did you mean/)
      assert.equal(exitCode, 1)
    } finally {
      rmSync(join(cwd, 'dtlto.toml'))
    }
    assert.match(dtlto(['doctor'], { DTLTO_FALLBACK: 'maybe' }).stdout, /BAD {3}DTLTO_FALLBACK: expected local or none/)
    assert.match(dtlto(['doctor', 'x.o']).stdout, /BAD {3}'x\.o' is not an option of dtlto/)
  })

  test('shows the variables that users set, and no stack of what a distributor throws', () => {
    const file = plugin('crashes', `endpoints() { throw new TypeError('a trap') }, compile: async () => {}`)
    const env = { DTLTO_PROGRESS: 'off', DTLTO_TEST_FULL: '', DTLTO_FUZZ_COUNT: '3' }
    const { exitCode, stdout } = dtlto(['doctor', `--distribute=${file}`], env)
    assert.match(stdout, /ok {4}environment: DTLTO_PROGRESS=off\n/)
    assert.match(stdout, /a trap/)
    assert.doesNotMatch(stdout, /\n +at |node:internal|DTLTO_(FUZZ|EARLY|START)/)
    assert.equal(exitCode, 1)
  })

  test('warns of a dtlto.toml that does not count', () => {
    const file = join(cwd, 'dtlto.toml')
    writeFileSync(file, 'verify = true\n')
    chmodSync(file, 0o666)
    try {
      const { exitCode, stdout } = dtlto(['doctor'])
      assert.match(stdout, /WARN {2}'.*dtlto\.toml' is not used: others may write it \(mode 0666\)/)
      assert.match(stdout, /ok {4}no configuration file, which is fine/)
      assert.equal(exitCode, 0)
    } finally {
      rmSync(file)
    }
  })

  test('says when clang does not find ld.dtlto, and how it would', () => {
    const bare = join(cwd, 'bin')
    const { exitCode, stdout } = dtlto(['doctor'], { PATH: `${bare}:/usr/bin:/bin` })
    assert.match(stdout, /BAD {3}clang -fuse-ld=dtlto finds no 'ld\.dtlto'\n +to do: PATH=.*\/bin:\$PATH/)
    assert.equal(exitCode, 1)
  })

  test('says when clang is newer than the LLVM of dtlto', () => {
    const directory = join(cwd, 'newer')
    mkdirSync(directory)
    writeFileSync(join(directory, 'clang'), '#!/bin/sh\necho clang version 99.1.0\n', { mode: 0o755 })
    const { exitCode, stdout } = dtlto(['doctor'], { PATH: `${directory}:${path}` })
    assert.match(stdout, /BAD {3}'.*clang' is clang 99\.1\.0: LLVM .* cannot read its bitcode\n +to do: compile with/)
    assert.ok(stdout.includes(LLVM_BIN) || stdout.includes('clang-'))
    assert.equal(exitCode, 1)
  })

  test('says when a native part is missing, and how to get it', () => {
    const { exitCode, stdout } = dtlto(['doctor'], { DTLTO_NATIVE: join(cwd, 'none.node') })
    assert.match(stdout, /BAD {3}the native part of dtlto could not be loaded\n +tried '.*none\.node': no such file/)
    assert.equal(exitCode, 1)
  })

  test('says when Node is the problem', () => {
    const node = (name: string, text: string): string => {
      const path = join(cwd, name)
      writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
      return path
    }
    const advice = '\n      to do: install Node 20.19 or newer, or let DTLTO_NODE name one\n'
    for (const [path, problem] of [
      [node('silent', 'exit 3'), 'is no Node: with --version it ended with exit code 3 and printed nothing'],
      [node('killed', 'kill -SEGV $$'), 'is no Node: with --version it was ended by signal 11 and printed nothing'],
      [node('other', 'echo other 1.2.3; exec sleep 1000'), "is no Node: with --version it printed 'other 1.2.3'"],
      [node('endless', 'exec yes'), "is no Node: with --version it printed 'y'"],
      [node('old', 'echo v18.20.8'), 'is version 18.20.8, which is too old'],
    ] as const) {
      const { exitCode, stdout, stderr } = dtlto(['doctor'], { DTLTO_NODE: path, NODE_OPTIONS: '--bogus' })
      assert.equal(stdout, `Installation\nBAD   Node '${path}', which DTLTO_NODE names, ${problem}${advice}`)
      assert.deepEqual([exitCode, stderr], [1, ''])
    }
    const none = dtlto(['doctor'], { DTLTO_NODE: '/nonexistent' })
    assert.match(none.stderr, /^dtlto: error: cannot start Node '\/nonexistent', which DTLTO_NODE names: .*\n$/)
    // A name is looked for on PATH, and nowhere else: what lies in a working directory is nobody's choice.
    node('here', 'echo started; exit 0')
    const here = dtlto(['doctor'], { DTLTO_NODE: 'here' })
    assert.match(here.stderr, /^dtlto: error: cannot start Node 'here', which DTLTO_NODE names: .*\n$/)
    assert.equal(here.stdout, '')
    assert.match(dtlto(['doctor'], { NODE_OPTIONS: '--bogus' }).stdout, /^ok {4}Node \d+/m)
  })

  describe('asked about a distcc server', { skip: whyNoDistccd() }, () => {
    const compilers = new FakeCompilers()
    after(() => compilers.remove())

    /** What it says of a server that is started with `options`, or of a port where none is. */
    const examine = async (options: DistccdOptions | undefined, more = ''): Promise<Ran & { address: string }> => {
      const server = options === undefined ? undefined : await Distccd.start(options)
      const address = server?.address ?? `127.0.0.1:${await freePort()}`
      try {
        const option = `--distribute=distcc,stats-port=${server?.statsPort ?? 0},hosts=${address}${more}`
        return { address, ...dtlto(['doctor', option]) }
      } finally {
        await server?.stop()
      }
    }

    test('shows its slots when it works', async () => {
      const { exitCode, stdout, address } = await examine({ jobs: 3 })
      assert.match(stdout, /ok {4}distcc: compiled a small job on 127\.0\.0\.1:\d+/)
      assert.ok(stdout.includes(`${address}: takes work, 3 slots`), stdout)
      assert.equal(exitCode, 0)
    })

    const refusals: readonly [what: string, options: () => DistccdOptions | undefined, more: string, says: RegExp][] = [
      [
        'does not run',
        () => undefined,
        '',
        /connect ECONNREFUSED .*; is distccd running there, and TCP port \d+ open in its firewall\?/,
      ],
      [
        'does not allow this machine',
        () => ({ allow: '10.255.0.1' }),
        '',
        /the connection was reset before any answer; allow this machine there \(distccd --allow, ALLOWEDNETS in/,
      ],
      [
        'does not allow the compiler',
        () => ({ allowedCompilers: ['gcc'] }),
        '',
        /closed the connection without an answer; install 'clang-\d+' there, run 'update-distcc-symlinks' and restart/,
      ],
      [
        'has not installed the compiler',
        () => ({ path: compilers.only() }),
        '',
        /the compiler is not installed there.*; install 'clang-\d+' there/,
      ],
      [
        'has another version of the compiler',
        () => ({
          path: compilers.path(
            `$clang "$@" 2>err.txt; code=$?; sed 's/${LLVM_MAJOR}\\.[0-9]*\\.[0-9]*/21.1.0/g' err.txt >&2; exit $code`,
          ),
        }),
        '',
        /its compiler is 21\.1\.0, but the linker is LLVM \d+\.\d+\.\d+; install the same LLVM version there/,
      ],
      [
        'has gcc by the compiler’s name',
        () => ({ path: compilers.only('/usr/bin/gcc') }),
        '',
        /its compiler cannot do a ThinLTO backend: .*; install 'clang-\d+' there/,
      ],
      [
        'does not know the compiler’s name that the option gives',
        () => ({}),
        ',compiler=clang-99',
        /closed the connection without an answer; install 'clang-99' there, .* or name the compiler with option 'compiler'/,
      ],
    ]
    for (const [what, options, more, says] of refusals) {
      test(`says so when it ${what}, and what to do`, async () => {
        const { exitCode, stdout, address } = await examine(options(), more)
        assert.match(stdout, /BAD {3}distcc: a small job has not come back/)
        assert.match(stdout, says)
        assert.ok(stdout.includes(`distcc server '${address}'`), stdout)
        assert.equal(exitCode, 1)
      })
    }

    test('warns when one of several does not run, names it, and does not fail: links go on with the others', async () => {
      const server = await Distccd.start()
      const down = `127.0.0.1:${await freePort()}`
      try {
        const { exitCode, stdout } = dtlto([
          'doctor',
          `--distribute=distcc,stats-port=0,hosts=${server.address}+${down}`,
        ])
        assert.match(stdout, /WARN {2}distcc: compiled a small job on 127\.0\.0\.1:\d+/)
        assert.ok(stdout.includes(`${server.address}: takes work`), stdout)
        assert.ok(stdout.includes(`${down}: takes no work`), stdout)
        assert.ok(stdout.includes(`distcc server '${down}': connect ECONNREFUSED`), stdout)
        assert.ok(stdout.includes(`to do: see to '${down}'; links go on with the others`), stdout)
        assert.match(stdout, /Links work, but not with all that was asked for: see WARN\.\n$/)
        assert.equal(exitCode, 0)
      } finally {
        await server.stop()
      }
    })

    test('says so when the port is that of its statistics', async () => {
      const server = await Distccd.start()
      try {
        const option = `--distribute=distcc,stats-port=0,hosts=127.0.0.1:${server.statsPort}`
        const { stdout } = dtlto(['doctor', option])
        assert.match(stdout, /not an answer of distccd: .*; is TCP port \d+ there that of distccd's jobs/)
      } finally {
        await server.stop()
      }
    })
  })

  test('is one of the commands of dtlto, beside --help and --version', () => {
    assert.match(dtlto(['--version']).stdout, /^dtlto \d+\.\d+\.\d+ \(LLVM \d+\.\d+\.\d+\)\n$/)
    const help = dtlto(['--help'])
    assert.match(help.stdout, /dtlto doctor/)
    assert.match(help.stdout, /--distribute-summary/)
    assert.equal(help.exitCode, 0)
    assert.equal(dtlto([]).exitCode, 1)
    const unknown = dtlto(['docter'])
    assert.match(unknown.stderr, /^dtlto: error: unknown command 'docter': expected doctor/)
    assert.equal(unknown.exitCode, 1)
  })
})
