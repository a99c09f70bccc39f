/**
 * The linker programs. clang finds them by name or by path (docs/formats.md says how for each format). Each stands in for a stock
 * program of lld and hands lld that program's path as argv[0]: it selects the flavour, begins every message, and PDBs embed it. The
 * stock names are known too: a link named lld-link in a `-B` directory is the only way for some drivers.
 */
export interface LinkerProgram {
  readonly name: string
  readonly stock: string
  /** Windows command lines: `/distribute:…`, and Windows quoting in response files. */
  readonly windows: boolean
}

const PROGRAMS: readonly LinkerProgram[] = [
  { name: 'ld.dtlto', stock: 'ld.lld', windows: false },
  { name: 'dtlto-link', stock: 'lld-link', windows: true },
  { name: 'ld64.dtlto', stock: 'ld64.lld', windows: false },
  { name: 'wasm-ld.dtlto', stock: 'wasm-ld', windows: false },
]

/** By the name that the program was started by; a directory, a version suffix such as `-22` and `.exe` do not matter. */
export function linkerProgram(startedAs: string): LinkerProgram | undefined {
  const base = startedAs.replace(/^.*[/\\]/, '').replace(/(-\d+(\.\d+)*)?(\.exe)?$/i, '')
  return PROGRAMS.find(({ name, stock }) => name === base || stock === base)
}

export const PROGRAM_NAMES: readonly string[] = PROGRAMS.map(({ name }) => name)
