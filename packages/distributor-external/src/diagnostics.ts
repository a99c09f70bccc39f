/**
 * Did clang print anything? A distributor mixes what all its compilers print, so each job asks for its diagnostics in a file
 * (`--serialize-diagnostics`). The format is LLVM's bitstream: the magic "DIAG", then blocks, each a header of one word (2 bits 1, 8 bits for the block's id, 4 bits for
 * the width within) and its length in words. clang/Frontend/SerializedDiagnostics.h: block 8 has the version, a block 9 is a diagnostic.
 */
const MAGIC = 'DIAG'
const ENTER_BLOCK = 1
const DIAGNOSTIC = 9

/** Throws an Error for what is no such file. */
export function hasDiagnostics(file: Buffer): boolean {
  if (file.toString('latin1', 0, 4) !== MAGIC) throw new Error('no file of diagnostics')
  let at = 4
  while (at + 8 <= file.length) {
    const header = file.readUInt32LE(at)
    if ((header & 3) !== ENTER_BLOCK) break
    if (((header >> 2) & 0xff) === DIAGNOSTIC) return true
    at += 8 + 4 * file.readUInt32LE(at + 4)
  }
  if (at !== file.length) throw new Error('a damaged file of diagnostics')
  return false
}
