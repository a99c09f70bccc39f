/**
 * The tarball: a directory that works wherever it stands, on any machine with the C and C++ libraries that its README names.
 *
 *     bin/                                 links into lib/: this goes on PATH. Node is not in it, it would hide the user's
 *     include/dtlto_plugin.h               a link, too
 *     share/                               man pages, which man finds by PATH, and completions for shells
 *     lib/node_modules/dtlto/bin           the programs, and the Node that they start
 *     lib/node_modules/@dtlto/linux-…-gnu  addon, dtlto-codegen, dtlto-lld; in lib/, libLLVM and what it needs
 *     lib/node_modules/…                   distributors, and their packages of npm's
 *
 * The launcher follows links (launcher/installation.cpp), and everything else is found from there as npm lays it out.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.mjs'
import { copyLibraries, floors, lookIn, neededLibraries } from './libraries.mjs'
import { writeNotices } from './notices.mjs'
import { PLATFORM_PACKAGE } from './platform.mjs'
import { installPrograms, NATIVE, WITH_LLVM } from './programs.mjs'
import { must } from './run.mjs'
import { fillShare } from './share.mjs'
import { packageVersion, sourceEpoch } from './version.mjs'

const MODULES = 'lib/node_modules'
const ARCHITECTURES = /** @type {Readonly<Record<string, string>>} */ ({ x64: 'x86_64', arm64: 'aarch64' })

/**
 * @param {string} output directory
 * @param {number} level zstd's
 * @returns {string} the file
 */
export function makeTarball(output, level) {
  const version = packageVersion()
  const architecture = ARCHITECTURES[process.arch] ?? process.arch
  const libraries = neededLibraries([...WITH_LLVM.map((name) => join(NATIVE, name)), process.execPath])
  const shared = libraries.find(({ soname }) => soname.startsWith('libnode.'))
  if (shared !== undefined)
    throw new Error(
      `'${process.execPath}' needs '${shared.soname}' and files of other packages of its distribution: make the tarball with a Node that is one program, as those of nodejs.org are`,
    )
  const name = `dtlto-${version}-llvm${llvmMajor(libraries)}-linux-${architecture}`
  const root = join(output, 'stage', name)
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })

  console.log(`package: putting ${name} together`)
  const installed = installPrograms(join(root, MODULES))
  const programs = bringLibraries(root, installed, libraries)
  fillShare(join(root, 'share'), 'site-functions')
  const floor = writeTexts(root, programs, { version, libraries, packages: installed.foreign })

  console.log(`package: compressing, at level ${level}`)
  const file = join(output, `${name}.tar.zst`)
  compress(root, name, file, level)
  rmSync(join(output, 'stage'), { recursive: true })
  const megabytes = (statSync(file).size / 1e6).toFixed(1)
  console.log(`package: ${megabytes} MB; needs glibc ${floor.glibc} and libstdc++ with GLIBCXX_${floor.libstdcxx}`)
  return file
}

/** @param {readonly import('./libraries.mjs').Library[]} libraries */
function llvmMajor(libraries) {
  const major = libraries.map(({ soname }) => /^libLLVM[.-](?:so\.)?(\d+)/.exec(soname)?.[1]).find((found) => found)
  if (major === undefined) throw new Error(`'${NATIVE}' does not load libLLVM: an LLVM with shared libraries is needed`)
  return major
}

/**
 * Node, libraries and links; where each program looks for libraries.
 * @param {string} root
 * @param {import('./programs.mjs').InstalledPrograms} installed
 * @param {readonly import('./libraries.mjs').Library[]} libraries
 * @returns {readonly string[]} the programs and libraries
 */
function bringLibraries(root, { withLlvm, onPath }, libraries) {
  const native = `${MODULES}/${PLATFORM_PACKAGE}`
  for (const file of withLlvm) lookIn(file, '$ORIGIN/../lib')
  copyLibraries(libraries, join(root, native, 'lib'))

  const node = join(root, MODULES, 'dtlto/bin/node')
  copyFileSync(process.execPath, node)
  must('strip', [node])
  if (neededLibraries([process.execPath]).length > 0) lookIn(node, `$ORIGIN/../../${PLATFORM_PACKAGE}/lib`)

  const link = (/** @type {string} */ from, /** @type {string} */ target) => {
    mkdirSync(join(root, from, '..'), { recursive: true })
    symlinkSync(`../${target}`, join(root, from))
  }
  for (const { name, target } of onPath) link(`bin/${name}`, `${MODULES}/${target}`)
  link('include/dtlto_plugin.h', `${MODULES}/@dtlto/native/include/dtlto_plugin.h`)
  return [...withLlvm, node, ...libraries.map(({ soname }) => join(root, native, 'lib', soname))]
}

/**
 * @param {string} root
 * @param {readonly string[]} programs
 * @param {{ version: string } & Omit<import('./notices.mjs').Brought, 'node'>} brought
 */
function writeTexts(root, programs, { version, libraries, packages }) {
  const floor = floors(programs)
  const words = { VERSION: version, NODE: process.versions.node, GLIBC: floor.glibc, GLIBCXX: floor.libstdcxx }
  const template = readFileSync(join(ROOT, 'scripts/package/tarball-readme.md'), 'utf8')
  const readme = Object.entries(words).reduce((text, [word, value]) => text.replaceAll(`{${word}}`, value), template)
  writeFileSync(join(root, 'README.md'), readme)
  copyFileSync(join(ROOT, 'LICENSE'), join(root, 'LICENSE'))
  writeNotices(root, { libraries, packages, node: process.execPath })
  return floor
}

/**
 * The same files give the same tarball.
 * @param {string} root
 * @param {string} name
 * @param {string} file
 * @param {number} level
 */
function compress(root, name, file, level) {
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', `--mtime=@${sourceEpoch()}`]
  // A window of 128 MiB is the largest that zstd and tar unpack without being asked to.
  const filter = `zstd -${level} -T0 --long=27`
  must('tar', ['-cf', file, '-I', filter, ...owner, '--mode=go+rX,go-w', '-C', join(root, '..'), name])
}
