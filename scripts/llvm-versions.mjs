/**
 * The versions of LLVM that dtlto is built with. Each that is installed gets an addon, a dtlto-codegen and a dtlto-lld. The first one's are in
 * packages/native/build, and it is the one that programs take when nothing asks for another; those of version N are in build/llvm-N beside it.
 * DTLTO_LLVM_VERSIONS (`23`, `23,22`) chooses, and says which is first.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** In the order of preference. */
export const SUPPORTED_LLVMS = /** @type {const} */ ([22, 23])

/** Where packages of Debian, Ubuntu and LLVM's own apt repository have a version. */
export function llvmRoot(/** @type {number} */ major) {
  return `/usr/lib/llvm-${String(major)}`
}

/** Whether a version's development files, and lld's, are there. */
export function isInstalled(/** @type {number} */ major) {
  const packages = join(llvmRoot(major), 'lib/cmake')
  return existsSync(join(packages, 'llvm/LLVMConfig.cmake')) && existsSync(join(packages, 'lld/LLDConfig.cmake'))
}

/**
 * The versions to build with, the first one first. Where none is in its usual place there is still 22, for CMake to find.
 * @returns {readonly number[]}
 */
export function wantedLlvms() {
  const asked = process.env['DTLTO_LLVM_VERSIONS']
  if (asked) {
    const majors = asked.split(',').map(Number)
    const wrong = majors.find((major) => !SUPPORTED_LLVMS.some((supported) => supported === major))
    if (wrong === undefined) return majors
    throw new Error(`DTLTO_LLVM_VERSIONS: expected some of ${SUPPORTED_LLVMS.join(',')} but received '${asked}'`)
  }
  const installed = SUPPORTED_LLVMS.filter(isInstalled)
  return installed.length > 0 ? installed : [SUPPORTED_LLVMS[0]]
}

/** The version that tests and measurements are about. */
export function firstLlvm() {
  return wantedLlvms()[0] ?? SUPPORTED_LLVMS[0]
}
