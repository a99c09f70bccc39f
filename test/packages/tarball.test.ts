/** The tarball as users get it, on a machine that has neither Node nor LLVM nor a compiler. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PACKAGED } from '../../packages/dtlto/src/distributors/locate.js'
import { inTemporaryDirectory, must } from '../link/toolchain.js'
import { type FreshDebian, freshDebian, whyNoFreshDebian } from './fresh-debian.js'
import { PRINTED, prepareLink } from './link-to-try.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const OUTPUT = join(ROOT, 'build/packages/test')
const TOO_LONG_MS = 600_000

/** Quickly compressed. */
function makeTarball(): string {
  const args = ['scripts/package/main.mjs', 'tarball', '--level=1', `--output=${OUTPUT}`]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: TOO_LONG_MS,
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  return stdout.trim().split('\n').at(-1) ?? ''
}

describe('the tarball, on a fresh Debian 13, as an ordinary user', { skip: whyNoFreshDebian() ?? false }, () => {
  let debian: FreshDebian
  let stock: Buffer
  let installed = ''

  const ran = (program: string, args: readonly string[]): string => {
    const path = `${installed}/bin:/usr/bin:/bin`
    const { exitCode, stdout, stderr } = debian.run(program, args, { PATH: path })
    assert.equal(exitCode, 0, `${program} ${args.join(' ')}\n${stdout}${stderr}`)
    assert.equal(stderr, '')
    return stdout
  }

  const linksAsStockLldDoes = (): void => {
    // With `worker` alone nothing is compiled in the linker.
    for (const [distributor, more] of [
      ['local', []],
      ['worker', ['--distribute-required', '--distribute-fallback=none']],
    ] as const) {
      const args = [`--distribute=${distributor}`, ...more]
      const output = join(debian.home, 'link', distributor)
      ran('env', ['-C', join(debian.home, 'link'), 'ld.dtlto', '@response.txt', ...args, '-o', distributor])
      assert.ok(readFileSync(debian.outside(output)).equals(stock), `${distributor} gives other bytes than stock lld`)
      assert.equal(ran(output, []), PRINTED)
    }
  }

  before(async () => {
    debian = freshDebian('trixie')
    assert.equal(debian.run('sh', ['-c', 'command -v node clang ld.lld cc']).stdout, '')
    await inTemporaryDirectory((directory) => {
      prepareLink(directory)
      stock = readFileSync(join(directory, 'link/stock'))
      cpSync(join(directory, 'link'), debian.outside(join(debian.home, 'link')), { recursive: true })
    })
    must('chown', ['-R', '1000:1000', debian.outside(debian.home)], { cwd: '/' })
    const tarball = makeTarball()
    const place = join(debian.home, 'a place')
    mkdirSync(debian.outside(place))
    chownSync(debian.outside(place), 1000, 1000)
    must('sh', ['-c', 'zstd -dc "$1" | tar -xf - -C "$2"', 'sh', tarball, debian.outside(place)], { cwd: '/' })
    const [name = ''] = readdirSync(debian.outside(place))
    assert.match(name, /^dtlto-[\d.]+-llvm22-linux-x86_64$/)
    installed = join(place, name)
  })

  after(() => debian.close())

  test('the doctor finds nothing wrong, and every distributor that comes along', () => {
    const distributors = ['distcc,hosts=localhost', 'worker', 'local']
    const said = ran('dtlto', ['doctor', ...distributors.map((name) => `--distribute=${name}`)])
    assert.match(said, new RegExp(`Node ${process.versions.node}\n`))
    assert.match(said, /All is well/)
    for (const name of ['distcc', 'worker', 'local']) assert.match(said, new RegExp(`${name}: loaded`))
    for (const name of PACKAGED)
      assert.ok(
        existsSync(debian.outside(`${installed}/lib/node_modules/@dtlto/distributor-${name}/package.json`)),
        name,
      )
    // gRPC is there: it has tried to reach the server that is not.
    const { stdout } = debian.run(`${installed}/bin/dtlto`, [
      'doctor',
      '--distribute=reapi,remote_executor=grpc://127.0.0.1:1',
    ])
    assert.match(stdout, /reapi: .*UNAVAILABLE/)
  })

  test('its Node takes the program as it was compiled before, without root and without writing', () => {
    const dtlto = `${installed}/lib/node_modules/dtlto`
    const script = 'process.stdout.write(String(require(process.argv[1]).compile().script.cachedDataRejected))'
    assert.equal(ran(`${dtlto}/bin/node`, ['-e', script, `${dtlto}/dist/load.cjs`]), 'false')
    assert.deepEqual(
      readdirSync(debian.outside(`${dtlto}/build`)).sort(),
      ['cli', ...PACKAGED].map((name) => `${name}.cache`).sort(),
    )
  })

  test('links have the bytes of stock lld, by threads and by processes', linksAsStockLldDoes)

  test('man pages and completions are in share/', () => {
    for (const path of [
      'man/man1/ld.dtlto.1',
      'man/man5/dtlto.toml.5',
      'bash-completion/completions/ld.dtlto',
      'zsh/site-functions/_dtlto',
      'fish/vendor_completions.d/dtlto.fish',
    ])
      assert.ok(existsSync(debian.outside(`${installed}/share/${path}`)), path)
  })

  test('a link that asks for nothing is stock lld', () => {
    ran('env', ['-C', join(debian.home, 'link'), 'ld.dtlto', '@response.txt', '-o', 'plain'])
    assert.ok(readFileSync(debian.outside(join(debian.home, 'link/plain'))).equals(stock))
  })

  test('dtlto-codegen says what it loads: libLLVM that came along, libraries of C and C++ that were there', () => {
    const said = ran('dtlto-codegen', ['--manifest'])
    assert.match(said, new RegExp(`"${installed}/.*/libLLVM\\.so\\.22\\.1"`))
    assert.match(said, /"\/lib\S*\/libstdc\+\+\.so\.6"/)
    const others = said.split('\n').filter((line) => line !== '' && !line.includes(installed))
    assert.deepEqual(
      others.filter((line) => !/\/(ld-linux-x86-64|libc|libm|libgcc_s|libstdc\+\+)\.so\.\d"$/.test(line)),
      [],
    )
  })

  test('dtlto-codegen and what it loads run from one directory, as they are sent to other machines', () => {
    const sent = join(debian.home, 'sent')
    const files = [...ran('dtlto-codegen', ['--manifest']).matchAll(/"(.*)"/g)].map(([, path = '']) => path)
    ran('mkdir', [sent])
    ran('cp', ['-L', ...files, sent])
    const hide = debian.outside(installed)
    renameSync(hide, `${hide} hidden`)
    try {
      const { exitCode, stdout, stderr } = debian.run(`${sent}/ld-linux-x86-64.so.2`, [
        '--library-path',
        sent,
        `${sent}/dtlto-codegen`,
        '--version',
      ])
      assert.deepEqual([exitCode, stderr], [0, ''])
      assert.match(stdout, /llvm 22/)
    } finally {
      renameSync(`${hide} hidden`, hide)
    }
  })

  test('it holds the C header, the licence and those of others, and no Node where PATH leads', () => {
    const inside = (path: string): string => debian.outside(join(installed, path))
    assert.match(readFileSync(inside('include/dtlto_plugin.h'), 'utf8'), /DTLTO_PLUGIN/)
    assert.deepEqual(readFileSync(inside('LICENSE')), readFileSync(join(ROOT, 'LICENSE')))
    const notices = readFileSync(inside('THIRD-PARTY-NOTICES.md'), 'utf8')
    for (const [, file = ''] of notices.matchAll(/\]\((licenses\/[^)]*)\)/g)) assert.ok(statSync(inside(file)).size > 0)
    for (const name of ['Node.js', 'lld', 'libLLVM.so.22.1', 'zlib', 'libzstd.so.1', 'smol-toml'])
      assert.ok(notices.includes(name), name)
    assert.ok(!/\{[A-Z]+\}/.test(readFileSync(inside('README.md'), 'utf8')), 'README.md has a word left to fill in')
    assert.ok(!existsSync(inside('bin/node')))
  })

  test('moved elsewhere, where nobody may write, it works as before', () => {
    const moved = join(debian.home, 'moved')
    renameSync(debian.outside(installed), debian.outside(moved))
    installed = moved
    must('chmod', ['-R', 'a-w', debian.outside(moved)], { cwd: '/' })
    linksAsStockLldDoes()
    chmodSync(debian.outside(moved), 0o755)
  })
})
