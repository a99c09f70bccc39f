/**
 * `node scripts/llvm-23.mjs [--cases=PATTERN] [STEP...]`: builds and tries this checkout with LLVM 23, which Debian 12 and 13 do not have, in a Debian sid that it makes
 * in build/llvm-23/root. As root, with debootstrap. Without steps all of these, one after the other; a step that fails does not stop the others.
 *
 *     build      with LLVM 23 alone
 *     unit       the unit tests in C++
 *     local      the parity suite in this mode; so do isolate and clang. --cases: of the cases whose titles match
 *     jobs       jobs of other processes, and workers that the kernel kills
 *     distcc     distcc, with its real daemon
 *     links      whole links, the launcher, rustc's
 *     process    memory, and how a process ends
 *     lld        LLVM's own lld tests of LTO
 *     beside     builds with LLVM 22 and 23, and links with both
 *     package    the three kinds of packages, in build/llvm-23/root/dtlto/build/packages, for `npm run fresh-machines -- sid tarball deb npm --llvm=23 --packages=…`
 *
 * The checkout is copied there anew each time; results of builds stay. What a step prints is in build/llvm-23/STEP.log, too.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyCheckout } from './copy-checkout.mjs'
import { nodeLicence } from './package/notices.mjs'
import { ROOT } from './root.mjs'

const WORK = join(ROOT, 'build/llvm-23')
const CHROOT = join(WORK, 'root')
/** The checkout in the chroot. */
const INSIDE = '/dtlto'
/** Whose redis, git and ninja the recipes are for. */
const PROGRAMS_RELEASE = 'bookworm'

/** What scripts/system-packages.mjs lists, as sid calls it, but for what runs programs of other machines. */
const PACKAGES = [
  ...['g++', 'cmake', 'ninja-build', 'zlib1g-dev', 'libzstd-dev', 'libgtest-dev', 'nodejs'],
  ...[22, 23].flatMap((major) => [
    ...['llvm', 'liblld', 'clang', 'lld', 'libclang-rt'].map((name) => packageName(name, major)),
    `llvm-${String(major)}-tools`,
  ]),
  ...['distcc', 'make', 'xz-utils', 'strace', 'time', 'iproute2', 'rustc', 'python3', 'libfaketime', 'git'],
  ...['patchelf', 'zstd', 'dpkg-dev', 'npm'],
]

/**
 * @param {string} name
 * @param {number} major
 */
function packageName(name, major) {
  return `${name}-${String(major)}${['llvm', 'liblld', 'libclang-rt'].includes(name) ? '-dev' : ''}`
}

const test = (/** @type {readonly string[]} */ ...filters) => [['node', 'scripts/test.mjs', ...filters]]
const cases = process.argv.find((word) => word.startsWith('--cases='))?.slice('--cases='.length)
const parity = (/** @type {string} */ mode) => [
  [
    ...['env', `DTLTO_PARITY_MODE=${mode}`, 'DTLTO_PARITY_TIMEOUT_MS=300000'],
    ...['node', '--import', 'tsx', 'test/parity/cli.ts', ...(cases === undefined ? [] : [cases])],
  ],
]
/** What packages take from the newest commit; the copy has no history. */
const facts = () => {
  const log = (/** @type {string} */ format) =>
    spawnSync('git', ['log', '-1', `--format=${format}`], { cwd: ROOT, encoding: 'utf8' }).stdout.trim()
  return [`SOURCE_DATE_EPOCH=${log('%ct')}`, `DEBFULLNAME=${log('%an')}`, `DEBEMAIL=${log('%ae')}`]
}
/** This machine's Node, for packages that bring it: sid's is no program by itself. */
const NODE = '/opt/node'
/** Before every step: another may have built for other versions. Quick where that is done. */
const BUILD = [['node', 'scripts/build.mjs']]

/** @typedef {{ readonly name: string, readonly versions: string, readonly commands: readonly (readonly string[])[] }} Step */
/** @type {readonly Step[]} */
const STEPS = [
  { name: 'build', versions: '23', commands: [] },
  { name: 'unit', versions: '23', commands: test('native/unit') },
  ...['local', 'isolate', 'clang'].map((mode) => ({ name: mode, versions: '23', commands: parity(mode) })),
  { name: 'jobs', versions: '23', commands: test('remote-jobs') },
  { name: 'distcc', versions: '23', commands: test('distributor-distcc', 'engines/distcc.test') },
  { name: 'links', versions: '23', commands: test('link/', 'launcher/', 'formats/rust') },
  { name: 'process', versions: '23', commands: test('process/') },
  { name: 'lld', versions: '23', commands: [['node', '--import', 'tsx', 'test/lld-tests/run.ts']] },
  {
    name: 'beside',
    versions: '22,23',
    commands: test('link/llvm-versions', 'link/newer-bitcode', 'launcher/llvm-choice'),
  },
  {
    name: 'package',
    versions: '23',
    commands: ['npm', 'deb', 'tarball'].map((kind) => [
      'env',
      ...facts(),
      `${NODE}/bin/node`,
      'scripts/package/main.mjs',
      kind,
    ]),
  },
]

const asked = process.argv.slice(2).filter((word) => !word.startsWith('--cases='))
const unknown = asked.find((name) => !STEPS.some((step) => step.name === name))
if (unknown !== undefined) {
  console.error(`llvm-23: unknown step '${unknown}': expected ${STEPS.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
if (process.getuid?.() !== 0) {
  console.error('llvm-23: a chroot takes root')
  process.exit(1)
}
makeChroot()
copyAll()
const failed = STEPS.filter(({ name }) => asked.length === 0 || asked.includes(name)).filter((step) => !run(step))
for (const { name } of failed) console.error(`llvm-23: '${name}' failed: see build/llvm-23/${name}.log`)
process.exit(failed.length === 0 ? 0 : 1)

function makeChroot() {
  if (!existsSync(CHROOT)) bootstrap()
  // Of the programs that tests link.
  writeFileSync(join(CHROOT, 'etc/apt/sources.list.d/programs.list'), `deb-src ${mirror()} ${PROGRAMS_RELEASE} main\n`)
  const { status } = spawnSync('chroot', [CHROOT, 'dpkg-query', '-W', ...PACKAGES], { stdio: 'ignore' })
  if (status === 0) return
  const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q']
  must('chroot', [CHROOT, ...apt, 'update'])
  must('chroot', [CHROOT, ...apt, 'install', '-y', '--no-install-recommends', ...PACKAGES])
}

/** Takes its name when it is whole: an interrupted one is made again. */
function bootstrap() {
  console.log('llvm-23: making a Debian sid with LLVM 22 and 23 (some minutes, 3 GB)')
  const unfinished = `${CHROOT}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(WORK, { recursive: true })
  must('debootstrap', ['--variant=minbase', 'sid', unfinished, mirror()])
  // Snapshots of sid are older than they say they may be.
  writeFileSync(join(unfinished, 'etc/apt/apt.conf.d/90dtlto'), 'Acquire::Check-Valid-Until "false";\n')
  // No service is started.
  writeFileSync(join(unfinished, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  renameSync(unfinished, CHROOT)
}

/** That of this machine's apt. */
function mirror() {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(SITE)'], { encoding: 'utf8' })
  const found = /^https?:\S*\/debian\/?$/m.exec(stdout)?.[0]
  if (found === undefined) throw new Error("apt's sources name no mirror of Debian")
  return found
}

/** Files that git knows, and packages of npm's; nothing that was built. */
function copyAll() {
  const target = join(CHROOT, INSIDE)
  copyCheckout(target)
  mkdirSync(join(CHROOT, NODE, 'bin'), { recursive: true })
  cpSync(process.execPath, join(CHROOT, NODE, 'bin/node'))
  cpSync(nodeLicence(process.execPath), join(CHROOT, NODE, 'LICENSE'))
  const modules = join(target, 'node_modules')
  if (!existsSync(modules)) cpSync(join(ROOT, 'node_modules'), modules, { recursive: true, verbatimSymlinks: true })
}

/**
 * @param {Step} step
 * @returns {boolean} whether all its commands succeeded
 */
function run({ name, versions, commands }) {
  console.log(`llvm-23: ${name}`)
  const log = join(WORK, `${name}.log`)
  rmSync(log, { force: true })
  let succeeded = true
  for (const command of [...BUILD, ...commands]) {
    const words = command.map((word) => `'${word}'`).join(' ')
    const inside = [
      // Tests make mount namespaces of their own, which takes a root that is mounted.
      'mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --rbind /sys "$0/sys" &&',
      'exec chroot "$0" env -i',
      `HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 DTLTO_LLVM_VERSIONS=${versions}`,
      `DTLTO_SKIP_SYSTEM_PACKAGES=1 PROGRAMS_RELEASE=${PROGRAMS_RELEASE}`,
      `sh -c "cd ${INSIDE} && exec ${words}"`,
    ].join(' ')
    const output = openSync(log, 'a')
    const isolated = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', inside, CHROOT]
    const { status } = spawnSync('unshare', isolated, { stdio: ['ignore', output, output] })
    succeeded = status === 0 && succeeded
  }
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-12)
  console.log(tail.map((line) => `  ${line}`).join('\n'))
  return succeeded
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function must(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`'${command} ${args.slice(0, 4).join(' ')} …' failed`)
}
