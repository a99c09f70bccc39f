/** Text for people: numbers with units, Markdown tables, the machine. */
import { readFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { run } from '../test/programs/run.js'
import type { Ratio } from './statistics.js'
import { LLVM_MAJOR } from '../test/link/toolchain.js'

/** A Markdown table whose columns also line up in a terminal. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(header), rule, ...rows.map(line)].join('\n')
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

export function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}

export function ratio({ median, smallest, largest }: Ratio): string {
  return `${median.toFixed(3)} (${smallest.toFixed(3)} to ${largest.toFixed(3)})`
}

/** What a measurement must be read with. */
export async function describeMachine(): Promise<string> {
  const processors = cpus()
  const lld = (await run(`ld.lld-${LLVM_MAJOR}`, ['--version'])).trim()
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? process.platform
  return [
    `- ${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`,
    `- ${system}, Linux ${release()}, Node ${process.versions.node}`,
    `- ${lld}`,
  ].join('\n')
}
