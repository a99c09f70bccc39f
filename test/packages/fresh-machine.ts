/** One package on one fresh machine, from nothing to a link and back. */
import { appendFileSync, copyFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { seconds } from '../../bench/format.js'
import { must } from '../link/toolchain.js'
import { documentedBlocks, linesFor } from './documented.js'
import { type OwnDebian, ownDebian } from './fresh-debian.js'
import { compileSources, PRINTED } from './link-to-try.js'

export type Suite = 'bookworm' | 'trixie' | 'sid'
export type Kind = 'tarball' | 'deb' | 'npm' | 'gcc'

/** As the table has it: times with their unit, sizes in MB of 10^6 bytes. */
export interface Tried {
  readonly machine: string
  readonly name: string
  readonly fetched: string
  readonly disk: string
  readonly install: string
  readonly clang: string
  readonly link: string
  readonly verdict: string
  /** What went wrong, if anything did. */
  readonly trouble?: string
}

export interface To {
  /** The directory that `npm run package` writes. */
  readonly packages: string
  readonly logs: string
  readonly keep: boolean
  /** The version of LLVM that the packages have. */
  readonly llvm: string
}

/** Of Debian; sid is treated like the newest. */
export const RELEASES: Readonly<Record<Suite, number>> = { bookworm: 12, trixie: 13, sid: 13 }
/** Which block of a section is about a package, and which files it names. */
const BLOCKS: Readonly<Record<Kind, { readonly index: number; readonly files: RegExp }>> = {
  tarball: { index: 0, files: /\.tar\.zst$/ },
  gcc: { index: 0, files: /\.tar\.zst$/ },
  deb: { index: 1, files: /\.deb$/ },
  npm: { index: 2, files: /\.tgz$/ },
}
/** The documents name one version: in `libllvm22`, `clang-22`, `clang++-22` and a tarball's name. */
const NAMES_LLVM = /(?<=\b(?:llvm|clang-|clang\+\+-))22\b/g
const NAMES_A_PACKAGE = /dtlto\S*\.(zst|deb|tgz)\b/
const USER = 1000
/** Where nothing is that a package leaves: the books of apt, dpkg and npm, and what Debian's ca-certificates makes for itself, which stays for others. */
const BOOKS = [
  ...['/proc', '/dev', '/home', '/tmp', '/var/lib/dpkg', '/var/lib/apt', '/var/cache', '/var/log', '/root'],
  ...['/etc/ssl/certs', '/etc/ca-certificates.conf'],
]

export function tryPackage(suite: Suite, kind: Kind, to: To): Tried {
  const machine = new Machine(suite, kind, to)
  try {
    return kind === 'gcc' ? withGcc(machine) : withClang(machine, kind)
  } catch (error) {
    return machine.tried({ verdict: 'no', trouble: error instanceof Error ? error.message : String(error) })
  } finally {
    machine.close()
  }
}

/** By a user who cannot become root, where somebody has installed what the package needs. */
export function tryWithoutRoot(suite: Suite, kind: 'deb' | 'npm', to: To): Tried {
  const machine = new Machine(suite, kind, to)
  const name = `${kind}, no root`
  try {
    return { ...withoutRoot(machine, kind), name }
  } catch (error) {
    return machine.tried({ name, verdict: 'no', trouble: error instanceof Error ? error.message : String(error) })
  } finally {
    machine.close()
  }
}

function withoutRoot(machine: Machine, kind: 'deb' | 'npm'): Tried {
  machine.asUser(
    'sudo apt-get install --no-install-recommends libllvm22 nodejs npm clang-22\nsudo rm /etc/sudoers.d/user',
  )
  const emptyMegabytes = machine.megabytes()
  const install = machine.timed(machine.lines('docs/install.md', 'Without root', kind === 'deb' ? 0 : 1).join('\n'))
  const disk = machine.megabytes() - emptyMegabytes
  const [, ...link] = machine.lines('README.md', 'The first link', 0)
  const linking = machine.timed(link.join('\n'))
  checkFirstLink(linking.stdout)
  if (kind === 'npm') {
    checkDoctor(machine.asUser('npx --prefix "$HOME/dtlto-npm" dtlto doctor'))
  }
  return machine.tried({
    disk: `${disk.toFixed(0)} MB`,
    install: seconds(install.ms),
    clang: 'was there',
    link: seconds(linking.ms),
    verdict: 'yes',
  })
}

/** The doctor, a link, and the program that came of it. */
function checkFirstLink(stdout: string, printed = 'hello from dtlto\n'): void {
  checkDoctor(stdout)
  if (!stdout.endsWith(printed)) throw new Error(`the program prints '${stdout}'`)
}

function checkDoctor(stdout: string): void {
  if (!/^All is well\.$/m.test(stdout)) throw new Error(`the doctor is not content:\n${stdout}`)
}

function withClang(machine: Machine, kind: Kind): Tried {
  const lines = machine.lines('README.md', 'Install', BLOCKS[kind].index)
  const first = lines.findIndex((line) => NAMES_A_PACKAGE.test(line))
  const bringsPackage = lines.slice(first)
  if (first < 0) throw new Error(`README.md names no file of '${kind}'`)

  const emptyMegabytes = machine.megabytes()
  if (kind === 'tarball') machine.asUser('sudo apt-get install zstd')
  const before = performance.now()
  machine.asUser(lines.slice(0, first).join('\n'))
  const files = machine.files()
  machine.asUser(bringsPackage.join('\n'))
  const install = performance.now() - before
  const disk = machine.megabytes() - emptyMegabytes
  const brought = machine.files().filter((file) => !files.includes(file))

  const [bringsClang = '', ...link] = machine.lines('README.md', 'The first link', 0)
  const clang = machine.timed(bringsClang)
  const linking = machine.timed(link.join('\n'))
  checkFirstLink(linking.stdout)

  machine.asUser(machine.lines('docs/install.md', 'Uninstalling', BLOCKS[kind].index).join('\n'))
  machine.asUser(machine.lines('docs/install.md', 'Uninstalling', -1).join('\n'))
  machine.checkRemoved(brought)
  return machine.tried({
    disk: `${disk.toFixed(0)} MB`,
    install: seconds(install),
    clang: seconds(clang.ms),
    link: seconds(linking.ms),
    verdict: 'yes',
  })
}

/** No clang, no LLVM, no Node, no root: bitcode that this machine compiles. */
function withGcc(machine: Machine): Tried {
  machine.asUser('sudo apt-get install --no-install-recommends g++ zstd\nsudo rm /etc/sudoers.d/user')
  machine.copyBitcode()
  const emptyMegabytes = machine.megabytes()
  const install = machine.timed(machine.lines('README.md', 'Install', BLOCKS.gcc.index).join('\n'))
  const disk = machine.megabytes() - emptyMegabytes
  const link = machine.timed(
    `dtlto doctor\n${machine.lines('docs/install.md', 'Without clang', 0).join('\n')}\n./hello`,
  )
  checkFirstLink(link.stdout, PRINTED)
  machine.asUser(machine.lines('docs/install.md', 'Uninstalling', BLOCKS.gcc.index).join('\n'))
  return machine.tried({
    disk: `${disk.toFixed(0)} MB`,
    install: seconds(install.ms),
    clang: 'none',
    link: seconds(link.ms),
    verdict: 'yes',
  })
}

class Machine {
  readonly #debian: OwnDebian
  readonly #suite: Suite
  readonly #kind: Kind
  readonly #log: string
  readonly #keep: boolean
  readonly #llvm: string
  readonly #files: readonly string[]

  constructor(suite: Suite, kind: Kind, { packages, logs, keep, llvm }: To) {
    console.log(`fresh-machines: ${suite}, ${kind}`)
    this.#suite = suite
    this.#kind = kind
    this.#keep = keep
    this.#llvm = llvm
    this.#log = join(logs, `${suite}-${kind}.log`)
    writeFileSync(this.#log, '')
    this.#debian = ownDebian(suite)
    const directory = kind === 'npm' ? join(packages, 'npm') : packages
    const named = this.lines('README.md', 'Install', BLOCKS[kind].index).join('\n')
    this.#files = readdirSync(directory)
      .filter((name) => BLOCKS[kind].files.test(name) && named.includes(name))
      .map((name) => join(directory, name))
    for (const file of this.#files) copyFileSync(file, this.#debian.outside(join(this.#debian.home, basename(file))))
    this.#asRoot(readyForUsers(this.#debian))
  }

  lines(file: string, heading: string, index: number): readonly string[] {
    const block = documentedBlocks(file, heading).at(index)
    if (block === undefined) throw new Error(`'${file}', '${heading}': there is no block ${index}`)
    return linesFor(RELEASES[this.#suite], block).map((line) => line.replaceAll(NAMES_LLVM, this.#llvm))
  }

  /** Lines of a shell, in the user's home; variables stay for the next ones. Gives what they print. */
  asUser(script: string): string {
    return this.timed(script).stdout
  }

  timed(script: string): { readonly stdout: string; readonly ms: number } {
    const { home } = this.#debian
    const whole = `if [ -e /tmp/state ]; then . /tmp/state; fi; cd ${home}; ${VARIABLES}\nset -e\n${script}\nexport -p > /tmp/state`
    appendFileSync(this.#log, `${script.replace(/^/gm, '$ ')}\n`)
    const started = performance.now()
    const { exitCode, stdout, stderr } = this.#debian.run('bash', ['-c', whole])
    const ms = performance.now() - started
    appendFileSync(this.#log, `${stdout}${stderr}(${seconds(ms)})\n`)
    if (exitCode !== 0) throw new Error(`'${script}' ends with ${String(exitCode)}: see '${this.#log}'`)
    return { stdout, ms }
  }

  /** All paths but those of directories: npm leaves empty ones. */
  files(): readonly string[] {
    const skipped = BOOKS.map((path) => `-path ${path} -prune -o`).join(' ')
    return this.#asRoot(`find / ${skipped} ! -type d -print`).trim().split('\n')
  }

  /** What there is on disk, but for packages that were fetched. */
  megabytes(): number {
    const skipped = ['var/cache/apt', 'var/lib/apt/lists', 'proc', ...this.#files.map((file) => basename(file))]
    const options = skipped.map((path) => `--exclude=${path}`)
    return Number.parseInt(must('du', ['-sxB1', ...options, this.#debian.root], { cwd: '/' })) / 1e6
  }

  copyBitcode(): void {
    compileSources(this.#debian.outside(this.#debian.home))
  }

  /** Of what came with a package nothing may be left but what packages of Debian have that stay. */
  checkRemoved(brought: readonly string[]): void {
    const kept = this.#asRoot('cat /var/lib/dpkg/info/*.list').split('\n')
    const isKept = new Set(kept.flatMap((path) => [path, path.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/')]))
    const now = new Set(this.files())
    const left = brought.filter((path) => now.has(path) && !isKept.has(path))
    const own = this.#files.map((file) => join(this.#debian.home, basename(file)))
    const named = this.#asRoot("find / -xdev -path /proc -prune -o -iname '*dtlto*' -print").trim().split('\n')
    left.push(...named.filter((path) => path !== '' && !own.includes(path)))
    if (left.length > 0) throw new Error(`left behind: ${left.slice(0, 10).join(', ')}`)
  }

  tried(facts: Partial<Tried>): Tried {
    const megabytes = this.#files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6
    const machine = this.#suite === 'sid' ? 'Debian sid' : `Debian ${String(RELEASES[this.#suite])}`
    const unknown = { disk: '', install: '', clang: '', link: '', verdict: '' }
    const name = this.#kind === 'gcc' ? 'tarball, gcc alone, no root' : this.#kind
    return { machine, name, fetched: `${megabytes.toFixed(1)} MB`, ...unknown, ...facts }
  }

  close(): void {
    if (this.#keep) console.log(`fresh-machines: ${this.#debian.root}`)
    else this.#debian.close()
  }

  #asRoot(script: string): string {
    const { exitCode, stdout, stderr } = this.#debian.asRoot(script)
    if (exitCode !== 0) throw new Error(`'${script}' as root: ${stdout}${stderr}`)
    return stdout
  }
}

const VARIABLES = 'export DEBIAN_FRONTEND=noninteractive'

/** What a user's machine has: package lists, sudo, a file for the variables of a shell. Says yes to apt. */
export function readyForUsers(debian: OwnDebian): string {
  const variables = Object.entries(trustLikeHere(debian)).map(([name, value]) => `export ${name}=${value}\n`)
  writeFileSync(debian.outside('/tmp/state'), variables.join(''))
  return [
    'echo \'APT::Get::Assume-Yes "true";\' > /etc/apt/apt.conf.d/90yes',
    'apt-get -q update',
    'apt-get -q install --no-install-recommends sudo',
    `printf 'user ALL=(ALL) NOPASSWD: ALL\\nDefaults env_keep += "${KEPT.join(' ')}"\\n' > /etc/sudoers.d/user`,
    "echo 'user:*:20000:0:99999:7:::' >> /etc/shadow",
    'echo 127.0.0.1 localhost "$(cat /proc/sys/kernel/hostname)" > /etc/hosts',
    `chown ${String(USER)} /tmp/state`,
    `chown -R ${String(USER)}:${String(USER)} ${debian.home}`,
  ].join('\n')
}

const KEPT = ['DEBIAN_FRONTEND', 'NODE_EXTRA_CA_CERTS', 'npm_config_cafile']

/** Variables for a machine's programs: where this machine reaches the network by certificates of its own, so does that one. */
export function trustLikeHere(debian: OwnDebian): Readonly<Record<string, string>> {
  const authorities = process.env['NODE_EXTRA_CA_CERTS']
  const variables = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
  if (!authorities) return variables
  const place = '/etc/fresh-machine-authorities.crt'
  copyFileSync(authorities, debian.outside(place))
  return { ...variables, NODE_EXTRA_CA_CERTS: place, npm_config_cafile: place }
}
