/** The files that `npm run package -- npm` makes, installed as users do, where LLVM is a shared library and nothing else. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeNpmPackages } from '../../scripts/package/npm.mjs'
import { PLATFORM_PACKAGE } from '../../scripts/package/platform.mjs'
import { compile, LLVM_BIN, must, type Ran, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** What a distributor for distcc needs, and all that these need in turn: nothing has to be fetched. */
const INSTALLED = /^(dtlto|dtlto-native|dtlto-linux-\w+-gnu|dtlto-distributor-distcc)-\d/
const DEPENDENCIES = ['smol-toml']
/** Where Debian's development packages put LLVM, and links to the library. */
const DEVELOPMENT = join(LLVM_BIN, '..')

const canHide =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0
const skip = canHide ? false : "hiding LLVM's development packages takes root and namespaces"

describe("npm's packages", { skip }, () => {
  let directory = ''
  let files: readonly string[] = []
  let objects: readonly string[] = []

  /** With `hidden`, shell commands, done before. */
  const inside = (words: readonly string[], hidden = `mount -t tmpfs none ${DEVELOPMENT}`): Ran =>
    run('unshare', ['--mount', 'sh', '-c', `${hidden} && exec "$@"`, 'sh', ...words], {
      cwd: directory,
      env: {
        PATH: `${join(directory, 'prefix/bin')}${delimiter}${process.env['PATH'] ?? ''}`,
        npm_config_cache: join(directory, 'cache'),
      },
    })

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto npm '))
    files = makeNpmPackages(join(directory, 'files'))
    objects = compile(directory, SMALL_PROGRAM)
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd: directory })
    mkdirSync(join(directory, 'more'))
    const more = DEPENDENCIES.map((name) => join(ROOT, 'node_modules', name))
    must('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', 'more', ...more], { cwd: directory })
    const own = files.filter((file) => INSTALLED.test(file.slice(file.lastIndexOf('/') + 1)))
    const all = [...own, ...readdirSync(join(directory, 'more')).map((name) => join(directory, 'more', name))]
    const options = ['--global', '--prefix', join(directory, 'prefix'), '--offline', '--ignore-scripts', '--no-audit']
    const { exitCode, stderr } = inside(['npm', 'install', ...options, ...all])
    assert.equal(exitCode, 0, stderr)
  })

  after(() => rmSync(directory, { recursive: true, force: true }))

  test('they say on which machines they run, run no script, and hold README, LICENSE and notices', () => {
    assert.ok(files.length >= 5)
    for (const file of files) {
      const read = (name: string): string => must('tar', ['-xOf', file, `package/${name}`], { cwd: directory })
      const { name, version, scripts, os, cpu, libc, optionalDependencies } = JSON.parse(
        read('package.json'),
      ) as Readonly<Record<string, unknown>>
      assert.equal(scripts, undefined, file)
      assert.deepEqual(
        optionalDependencies,
        name === 'dtlto' || name === '@dtlto/native' ? { [PLATFORM_PACKAGE]: version } : undefined,
      )
      const machine = name === 'dtlto' || name === PLATFORM_PACKAGE ? [['linux'], [process.arch], ['glibc']] : []
      assert.deepEqual(
        [os, cpu, libc].filter((words) => words !== undefined),
        machine,
        file,
      )
      assert.match(read('README.md'), /^# /)
      assert.equal(read('LICENSE'), readFileSync(join(ROOT, 'LICENSE'), 'utf8'))
      assert.match(read('THIRD-PARTY-NOTICES.md'), name === PLATFORM_PACKAGE ? /lld, in.*zlib, in/s : /^# Third-party/)
    }
  })

  test('man pages are where man looks, and completions in the package', () => {
    for (const page of ['man1/ld.dtlto.1', 'man1/ld64.dtlto.1', 'man5/dtlto.toml.5'])
      assert.match(readFileSync(join(directory, 'prefix/share/man', page), 'utf8'), /^\.(TH|so) /)
    for (const file of ['bash/dtlto', 'zsh/_dtlto', 'fish/ld.dtlto.fish'])
      assert.match(readFileSync(join(directory, 'prefix/lib/node_modules/dtlto/completions', file), 'utf8'), /dtlto/)
  })

  test("they link with the bytes of stock lld, without LLVM's development packages", () => {
    for (const more of [['--distribute=local'], ['--distribute=worker'], []]) {
      const { exitCode, stderr } = inside(['ld.dtlto', '-shared', ...objects, '-o', 'out', ...more])
      assert.deepEqual([exitCode, stderr], [0, ''], more.join())
      assert.deepEqual(readFileSync(join(directory, 'out')), readFileSync(join(directory, 'stock')), more.join())
    }
  })

  test('the doctor is content, and finds the distributor', () => {
    const { exitCode, stdout } = inside(['dtlto', 'doctor', '--distribute=distcc,hosts=127.0.0.1:1'])
    assert.match(stdout, /distcc: /)
    assert.doesNotMatch(stdout, /no distributor/)
    assert.match(stdout, /ok {4}dtlto [\d.]+ with lld and LLVM 22/)
    assert.ok(exitCode === 0 || /BAD {3}distcc: a small job/.test(stdout), stdout)
  })

  test("without the platform's package they say which it is", () => {
    const hidden = `mount -t tmpfs none '${join(directory, 'prefix/lib/node_modules', PLATFORM_PACKAGE)}'`
    const { exitCode, stdout } = inside(['dtlto', 'doctor'], hidden)
    assert.equal(exitCode, 1)
    assert.match(stdout, new RegExp(`npm's package '${PLATFORM_PACKAGE}' is not installed`))
  })

  test('without libLLVM they say what to install, and it is no development package', () => {
    const library = /=> (\S+libLLVM\S+)/.exec(
      inside(['ldd', join(directory, 'prefix/lib/node_modules', PLATFORM_PACKAGE, 'build/dtlto.node')]).stdout,
    )?.[1]
    assert.ok(library !== undefined && !library.startsWith(DEVELOPMENT), library)
    writeFileSync(join(directory, 'nothing'), '')
    const hidden = `mount -t tmpfs none ${DEVELOPMENT} && mount --bind nothing ${library}`
    const { exitCode, stderr } = inside(['ld.dtlto', '-shared', ...objects, '--distribute=local'], hidden)
    assert.equal(exitCode, 1)
    assert.match(stderr, /libLLVM.*\n {2}install LLVM 22's shared library.*: apt-get install libllvm22\n/)
  })
})
