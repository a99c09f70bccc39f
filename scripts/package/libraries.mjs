/**
 * Shared libraries beside the programs that need them. Two kinds stay the machine's own: the C library, which must be the kernel's loader's, and
 * GCC's run-time libraries. An older libstdc++ of ours, found first, would keep plugins of LLVM and of dtlto from loading that were compiled on a newer machine.
 */
import { chmodSync, copyFileSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { must } from './run.mjs'

const OF_THE_MACHINE =
  /^(linux-vdso|ld-linux[\w-]*|libc|libm|libdl|librt|libpthread|libutil|libresolv|libstdc\+\+|libgcc_s|libatomic)\.so/

/** @typedef {{ readonly soname: string, readonly path: string }} Library */

/**
 * All that the files load, directly or not, and that is not the machine's.
 * @param {readonly string[]} files
 * @returns {readonly Library[]}
 */
export function neededLibraries(files) {
  /** @type {Map<string, string>} */
  const found = new Map()
  for (const file of files) {
    for (const line of must('ldd', [file]).split('\n')) {
      const [, soname = '', path = ''] = /^\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$/.exec(line) ?? []
      if (soname === '' || OF_THE_MACHINE.test(soname)) continue
      if (path === 'not found') throw new Error(`'${file}' needs '${soname}', which is not there`)
      const real = realpathSync(path)
      if ((found.get(soname) ?? real) !== real) throw new Error(`two libraries are '${soname}': '${real}' is one`)
      found.set(soname, real)
    }
  }
  return [...found].map(([soname, path]) => ({ soname, path })).sort((a, b) => (a.soname < b.soname ? -1 : 1))
}

/**
 * Each under its soname, finding the others beside it.
 * @param {readonly Library[]} libraries
 * @param {string} directory
 */
export function copyLibraries(libraries, directory) {
  mkdirSync(directory, { recursive: true })
  for (const { soname, path } of libraries) {
    const copy = join(directory, soname)
    copyFileSync(path, copy)
    chmodSync(copy, 0o755)
    lookIn(copy, '$ORIGIN')
  }
}

/**
 * @param {string} file
 * @param {string} directory where it looks for libraries, and nowhere else before the system's directories
 */
export function lookIn(file, directory) {
  must('patchelf', ['--set-rpath', directory, file])
}

/**
 * The newest versions of glibc's and libstdc++'s symbols that the files ask for.
 * @param {readonly string[]} files
 */
export function floors(files) {
  const symbols = files.map((file) => must('objdump', ['-T', file])).join('')
  const newest = (/** @type {string} */ kind) =>
    [...new Set([...symbols.matchAll(new RegExp(`\\(${kind}_([0-9.]+)\\)`, 'g'))].map(([, version = '']) => version))]
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .at(-1) ?? 'none'
  return { glibc: newest('GLIBC'), libstdcxx: newest('GLIBCXX') }
}

/**
 * What Debian's package of a library is called.
 * @param {Library} library
 */
export function debianPackageOf({ path }) {
  // Recorded below /lib or /usr/lib, as the package had it, and links to it with other packages.
  const lines = must('dpkg-query', ['-S', `*/${basename(path)}`]).split('\n')
  const owner = lines.find((line) => isFile(line.slice(line.indexOf(': ') + 2), path))
  if (owner === undefined) throw new Error(`no package of Debian has '${path}', so its licence is not known`)
  return owner.replace(/:.*/, '')
}

/**
 * @param {string} recorded
 * @param {string} path
 */
function isFile(recorded, path) {
  const status = lstatSync(recorded, { throwIfNoEntry: false })
  return status?.isFile() === true && realpathSync(recorded) === path
}
