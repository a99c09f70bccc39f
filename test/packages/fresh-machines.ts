/**
 * `npm run fresh-machines -- [SUITE...] [KIND...]`: each package on an empty Debian of each kind, by the lines of README.md and docs/install.md and no others: installed by an
 * ordinary user with sudo, a C++ program linked and run, the doctor asked, and everything removed again. As root, with debootstrap; some 20 minutes for all.
 *
 *     SUITE   bookworm, trixie, sid
 *     KIND    tarball, deb, npm; docker: the Dockerfiles of docs/install.md, without Docker; gcc: the tarball where the only compiler is gcc's (trixie);
 *             demo: `npm run demo` of this checkout (bookworm)
 *             rootless: deb and npm by a user without sudo, where libLLVM, Node and clang are (trixie)
 *
 *     --packages=DIRECTORY   takes packages that are there (build/packages), and makes none
 *     --llvm=23              they are for this LLVM, of which the lines speak then; only sid has one of 23
 *     --keep                 keeps the machines in build/chroots
 *
 * Everything that is printed there is in build/fresh-machines/SUITE-KIND.log, too. Ends with a table, and with 1 if anything failed.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { table } from '../../bench/format.js'
import { must } from '../link/toolchain.js'
import { tryDemo } from './fresh-demo.js'
import { whyNoFreshDebian } from './fresh-debian.js'
import { tryDockerfiles } from './fresh-machine-docker.js'
import { type Tried, tryPackage, tryWithoutRoot } from './fresh-machine.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SUITES = ['bookworm', 'trixie', 'sid'] as const
const KINDS = ['tarball', 'deb', 'npm', 'gcc', 'rootless', 'docker', 'demo'] as const

const options = process.argv.slice(2)
const names = options.filter((word) => !word.startsWith('--'))
const unknown = options.find(
  (word) => ![...SUITES, ...KINDS, '--keep'].includes(word) && !/^--(packages=.|llvm=\d)/.test(word),
)
if (unknown !== undefined) fail(`'${unknown}': expected some of ${[...SUITES, ...KINDS].join(', ')}`)
const why = whyNoFreshDebian()
if (why !== undefined) fail(why)

const suites = SUITES.filter((suite) => !SUITES.some((name) => names.includes(name)) || names.includes(suite))
const kinds = KINDS.filter((kind) => !KINDS.some((name) => names.includes(name)) || names.includes(kind))
const given = options.find((word) => word.startsWith('--packages='))?.slice('--packages='.length)
const packages = given !== undefined ? resolve(given) : kinds.some((kind) => kind !== 'demo') ? makePackages() : ''
const llvm = options.find((word) => word.startsWith('--llvm='))?.slice('--llvm='.length) ?? '22'
const logs = join(ROOT, 'build/fresh-machines')
mkdirSync(logs, { recursive: true })

const tried: Tried[] = []
for (const suite of suites)
  for (const kind of kinds) {
    try {
      tried.push(...tryKind(suite, kind))
    } catch (error) {
      // There is no machine to try anything on: the others still count.
      const none = { fetched: '', disk: '', install: '', clang: '', link: '' }
      tried.push({ machine: suite, name: kind, ...none, verdict: 'no', trouble: String(error) })
    }
  }

const columns = [
  'machine',
  'package',
  'fetched',
  'more on disk',
  'installed in',
  'clang',
  'doctor and link',
  'all well',
]
console.log(
  `\n${table(
    columns,
    tried.map((one) => [one.machine, one.name, one.fetched, one.disk, one.install, one.clang, one.link, one.verdict]),
  )}`,
)
for (const { machine, name, trouble } of tried)
  if (trouble !== undefined) console.error(`fresh-machines: ${machine}, ${name}: ${trouble}`)
process.exitCode = tried.every(({ trouble }) => trouble === undefined) ? 0 : 1

function tryKind(suite: (typeof SUITES)[number], kind: (typeof KINDS)[number]): readonly Tried[] {
  const to = { packages, logs, keep: options.includes('--keep'), llvm }
  if (kind === 'docker') return tryDockerfiles(suite, to)
  if (kind === 'demo') return suite === 'bookworm' ? [tryDemo(suite, to)] : []
  if (kind === 'tarball' || kind === 'deb' || kind === 'npm') return [tryPackage(suite, kind, to)]
  if (suite !== 'trixie') return []
  return kind === 'gcc'
    ? [tryPackage(suite, kind, to)]
    : [tryWithoutRoot(suite, 'deb', to), tryWithoutRoot(suite, 'npm', to)]
}

function makePackages(): string {
  const output = join(ROOT, 'build/packages')
  for (const kind of ['npm', 'deb', 'tarball']) {
    console.log(`fresh-machines: making ${kind}`)
    must(process.execPath, ['scripts/package/main.mjs', kind], { cwd: ROOT, timeoutMs: 1_800_000 })
  }
  rmSync(join(output, 'stage-deb'), { recursive: true, force: true })
  return output
}

function fail(message: string): never {
  console.error(`fresh-machines: error: ${message}`)
  process.exit(1)
}
