/** Which of lld's tests are run: those of LTO, by the format of their output. */
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

export const FORMATS = ['ELF', 'COFF', 'MachO', 'wasm', 'MinGW'] as const
export type Format = (typeof FORMATS)[number]

/** As lit.cfg.py and the lit.local.cfg files below it say. */
const SUFFIXES = /\.(ll|s|test|yaml|objtxt|bat)$/

export function isFormat(name: string): name is Format {
  return (FORMATS as readonly string[]).includes(name)
}

/**
 * The paths, relative to `lld/test`, of a format's tests. Without `all`, those whose path speaks of LTO and those that
 * make bitcode.
 */
export async function selectTests(lldTest: string, format: Format, all = false): Promise<string[]> {
  const entries = await readdir(join(lldTest, format), { recursive: true, withFileTypes: true })
  const selected: string[] = []
  for (const entry of entries) {
    const path = relative(lldTest, join(entry.parentPath, entry.name))
    if (!entry.isFile() || !SUFFIXES.test(entry.name) || /(^|\/)Inputs\//.test(path)) continue
    const text = await readFile(join(lldTest, path), 'latin1')
    if (/\bRUN:/.test(text) && (all || isAboutLto(path, text))) selected.push(path)
  }
  return selected.sort()
}

function isAboutLto(path: string, text: string): boolean {
  return /lto/i.test(path) || /\bRUN:.*\b(llvm-as|opt|clang)\b/.test(text)
}
