/** The packages for Debian, as users install them: with Debian's libLLVM and Node, and again without a trace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inTemporaryDirectory, must, run } from '../link/toolchain.js'
import { type OwnDebian, ownDebian, whyNoFreshDebian } from './fresh-debian.js'
import { PRINTED, prepareLink } from './link-to-try.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const OUTPUT = join(ROOT, 'build/packages/test')
const ENVIRONMENT = {
  ...process.env,
  SOURCE_DATE_EPOCH: '1700000000',
  DEBFULLNAME: 'The Maintainer',
  DEBEMAIL: 'maintainer@debian.org',
}
/** What apt and dpkg keep for themselves. */
const BOOKS = ['/proc', '/home', '/tmp', '/var/lib/dpkg', '/var/lib/apt', '/var/cache', '/var/log']
/** Megabytes of 10^6 bytes. */
const LARGEST_MB = 8

/** Quickly compressed. */
function makeDebs(output: string, ...more: readonly string[]): readonly string[] {
  const args = ['scripts/package/main.mjs', 'deb', '--level=1', `--output=${output}`, ...more]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: ENVIRONMENT,
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line.endsWith('.deb'))
}

describe("Debian's packages", { skip: whyNoFreshDebian() ?? false }, () => {
  let debian: OwnDebian
  let debs: readonly string[] = []
  let stock: Buffer

  const asRoot = (script: string): string => {
    const { exitCode, stdout, stderr } = debian.asRoot(script)
    assert.equal(exitCode, 0, `${script}\n${stdout}${stderr}`)
    return stdout
  }
  const files = (): string =>
    asRoot(`find / ${BOOKS.map((path) => `-path ${path} -prune -o`).join(' ')} -printf '%p %l %m\\n' | sort`)

  before(async () => {
    debs = makeDebs(join(OUTPUT, 'deb'))
    debian = ownDebian('trixie')
    await inTemporaryDirectory((directory) => {
      prepareLink(directory)
      stock = readFileSync(join(directory, 'link/stock'))
      cpSync(join(directory, 'link'), debian.outside(join(debian.home, 'link')), { recursive: true })
    })
    must('chown', ['-R', '1000:1000', debian.outside(debian.home)], { cwd: '/' })
    for (const deb of debs) copyFileSync(deb, debian.outside(join('/tmp', basename(deb))))
    asRoot('apt-get -q update && apt-get -q -y install --no-install-recommends /tmp/dtlto_*.deb')
  })

  after(() => debian.close())

  test('the same sources give the same bytes, of less than 8 MB', () => {
    const again = join(OUTPUT, 'deb-again')
    try {
      const [file = ''] = makeDebs(again, '--only=dtlto')
      assert.ok(readFileSync(file).equals(readFileSync(debs[0] ?? '')), `${file} differs from '${String(debs[0])}'`)
      assert.ok(readFileSync(debs[0] ?? '').length < LARGEST_MB * 1e6)
    } finally {
      rmSync(again, { recursive: true, force: true })
    }
  })

  test('lintian has neither errors nor warnings', (t) => {
    const { exitCode: missing } = run('sh', ['-c', 'command -v lintian'], { cwd: '/' })
    if (missing !== 0) return t.skip('there is no lintian')
    const { stdout, stderr } = run('lintian', ['--allow-root', '--tag-display-limit=0', ...debs], { cwd: '/' })
    assert.equal(stdout, '', stderr)
  })

  test("they take exactly this release of libLLVM, and Debian's Node", () => {
    const depends = must('dpkg-deb', ['--field', debs[0] ?? '', 'Depends'], { cwd: '/' })
    const [, release = ''] = /libllvm22 \(>= 1:(22\.1\.\d+)~\)/.exec(depends) ?? []
    assert.match(
      must(join(ROOT, 'packages/dtlto/bin/dtlto'), ['--version'], { cwd: '/' }),
      new RegExp(`LLVM ${release}`),
    )
    const installed = asRoot("dpkg-query -W -f='${Package} ${db:Status-Status}\\n'")
    assert.match(installed, /^libllvm22 installed$/m)
    assert.match(installed, /^nodejs installed$/m)
    assert.doesNotMatch(installed, /^(dtlto-node|llvm-22\S*|lld-22|clang\S*) /m)
  })

  test('an ordinary user links with the bytes of stock lld, and all is well', () => {
    for (const [distributor, more] of [
      ['local', []],
      ['worker', ['--distribute-required', '--distribute-fallback=none']],
      ['', []],
    ] as const) {
      const asked = distributor === '' ? [] : [`--distribute=${distributor}`, ...more]
      const directory = join(debian.home, 'link')
      const words = ['-C', directory, 'ld.dtlto', '@response.txt', '-o', `out${distributor}`, ...asked]
      const { exitCode, stderr } = debian.run('env', words)
      assert.deepEqual([exitCode, stderr], [0, ''])
      assert.ok(readFileSync(debian.outside(join(directory, `out${distributor}`))).equals(stock), distributor)
      assert.equal(debian.run(join(directory, `out${distributor}`), []).stdout, PRINTED)
    }
    const doctor = debian.run('dtlto', ['doctor', '--distribute=worker', '--distribute=local'])
    assert.match(doctor.stdout, /All is well/, doctor.stderr)
  })

  test('man pages and completions are where Debian looks for them', () => {
    const all = ['dtlto', 'ld.dtlto', 'ld64.dtlto', 'wasm-ld.dtlto', 'dtlto-link', 'dtlto-codegen', 'dtlto-distributor']
    for (const name of all) assert.ok(readFileSync(debian.outside(`/usr/share/man/man1/${name}.1.gz`)).length > 0)
    assert.ok(readFileSync(debian.outside('/usr/share/man/man5/dtlto.toml.5.gz')).length > 0)
    for (const path of [
      'bash-completion/completions/ld.dtlto',
      'zsh/vendor-completions/_dtlto',
      'fish/vendor_completions.d/dtlto.fish',
    ])
      assert.ok(readFileSync(debian.outside(`/usr/share/${path}`)).length > 0, path)
  })

  test('removed, they leave nothing, with a Node of theirs or without', () => {
    asRoot('dpkg --purge dtlto')
    const before = files()
    asRoot('dpkg --install /tmp/dtlto_*.deb /tmp/dtlto-node_*.deb')
    assert.notEqual(files(), before)
    const version = debian.run('/usr/bin/dtlto', ['doctor'])
    assert.match(version.stdout, new RegExp(`Node ${process.versions.node}\n`))
    asRoot('dpkg --purge dtlto dtlto-node')
    assert.equal(files(), before)
  })
})
