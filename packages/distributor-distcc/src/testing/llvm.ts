/** The version of LLVM that tests are about: the first of DTLTO_LLVM_VERSIONS, as in scripts/llvm-versions.mjs. */
export const LLVM = (process.env['DTLTO_LLVM_VERSIONS'] ?? '22').split(',')[0] ?? '22'
export const CLANG = `clang-${LLVM}`
