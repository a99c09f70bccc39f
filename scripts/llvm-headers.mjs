/**
 * LLVM's headers without the rest of llvm-22-dev, for the demo: 36 MB in place of 480, most of which are static libraries that are not linked here, and
 * ICU's development files, which libxml2-dev brings. Unpacked into build/, where the package is not installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isInstalled } from './llvm-versions.mjs'
import { ROOT } from './root.mjs'

const MAJOR = 22
const UNPACKED = join(ROOT, `build/llvm-${String(MAJOR)}-dev`)
const VERSION = join(UNPACKED, 'version')

/** @returns {boolean} false if apt or dpkg failed; they have said why */
export function ensureLlvmHeaders() {
  if (isInstalled(MAJOR)) return true
  const { stdout: version } = spawnSync('dpkg-query', ['-Wf', '${Version}', `libllvm${String(MAJOR)}`], {
    encoding: 'utf8',
  })
  if (existsSync(VERSION) && readFileSync(VERSION, 'utf8') === version) return true
  console.log(`setup: unpacking LLVM's headers, of llvm-${String(MAJOR)}-dev ${version}`)
  const unfinished = `${UNPACKED}.unfinished`
  for (const path of [UNPACKED, unfinished]) rmSync(path, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  // Started as root, apt downloads as a user of its own, who cannot write here.
  const sandbox = process.getuid?.() === 0 ? '-o APT::Sandbox::User=root' : ''
  const script = `
    apt-get ${sandbox} -o Acquire::Retries=3 -qq download "llvm-${String(MAJOR)}-dev=$0" &&
    dpkg-deb --fsys-tarfile ./*.deb | tar -xf - --exclude='*.a' --exclude='./usr/share/doc' && rm ./*.deb`
  if (spawnSync('sh', ['-c', script, version], { cwd: unfinished, stdio: 'inherit' }).status !== 0) return false
  renameSync(unfinished, UNPACKED)
  writeFileSync(VERSION, version)
  return true
}

/**
 * What CMake is told of a version that has nothing but headers here, and libLLVM, as the loader finds it. Its own packages insist on all libraries.
 * @param {number} major
 * @returns {Readonly<Record<string, string>>} empty if there are none
 */
export function headerDefinitions(major) {
  const directory = join(UNPACKED, `usr/lib/llvm-${String(major)}/lib/cmake/llvm`)
  if (!existsSync(directory)) return {}
  return {
    DTLTO_HEADERS_ONLY: 'ON',
    LLVM_DIR: directory,
    LLD_DIR: `/usr/lib/llvm-${String(major)}/lib/cmake/lld`,
  }
}
