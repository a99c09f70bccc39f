import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes a sample profile of functions that no program has, of at least this size, and gives its path. */
export function writeSampleProfile(directory: string, mebibytes: number): string {
  const path = join(directory, `samples-${String(mebibytes)}.prof`)
  const lines: string[] = []
  for (let bytes = 0, i = 0; bytes < mebibytes * 1024 ** 2; i++) {
    const name = `_ZN5bench8function${String(i)}Ev`
    lines.push(
      `${name}:${String(1000 + i)}:${String(1 + (i % 100))}\n 1: ${String(1 + (i % 7))}\n 2: ${String(i % 11)}\n`,
    )
    bytes += lines.at(-1)?.length ?? 0
  }
  writeFileSync(path, lines.join(''))
  return path
}
