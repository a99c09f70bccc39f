/**
 * The linker programs. clang finds them by name or by path (docs/formats.md says how for each format). Each stands in for a stock
 * program of lld. What a name means, lld's own names among them, is decided by the launcher (launcher/program.cpp).
 */
export type Flavour = 'gnu' | 'coff' | 'macho' | 'wasm' | 'tool' | 'unknown'

/** In packages/dtlto/bin, beside the tool `dtlto`. */
export const PROGRAM_NAMES: readonly string[] = ['ld.dtlto', 'dtlto-link', 'ld64.dtlto', 'wasm-ld.dtlto']

/** Stands in for no program: stock lld starts it (llvm-dtlto/distribute.ts). */
export const DISTRIBUTOR_PROGRAM = 'dtlto-distributor'
