/** The linkers that are compared, each as a function from a link to a command. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { ROOT } from '../scripts/root.mjs'
import { DTLTO_BIN } from '../test/programs/programs.js'
import type { Command } from './measure.js'
import { LLVM_MAJOR } from '../test/link/toolchain.js'

export type LinkerName = 'stock' | 'llvm-dtlto' | 'dtlto' | 'dtlto-plain'

export const LINKER_TITLES: Readonly<Record<LinkerName, string>> = {
  stock: 'stock ld.lld',
  'llvm-dtlto': "LLVM's DTLTO, plain runner",
  dtlto: 'dtlto',
  'dtlto-plain': 'dtlto, nothing asked for',
}

/** A link without its output. */
export interface Link {
  readonly directory: string
  readonly linkArgs: readonly string[]
  readonly output: string
}

export interface LinkerCommand extends Command {
  /** Absolute path of what it links. */
  readonly output: string
}

/**
 * The command by which `linker` does `link`, with further arguments `extra`; its output goes to a directory below build/bench, of its own if
 * `label` is.
 */
export async function linkCommand(
  linker: LinkerName,
  link: Link,
  extra: readonly string[] = [],
  label: string = linker,
): Promise<LinkerCommand> {
  const directory = join(ROOT, 'build/bench', label)
  await mkdir(directory, { recursive: true })
  const output = join(directory, link.output)
  return { argv: [...start(linker), ...link.linkArgs, ...extra, '-o', output], directory: link.directory, output }
}

function start(linker: LinkerName): string[] {
  switch (linker) {
    case 'stock':
      return [findProgram(`ld.lld-${LLVM_MAJOR}`)]
    case 'llvm-dtlto':
      return [
        findProgram(`ld.lld-${LLVM_MAJOR}`),
        `--thinlto-distributor=${process.execPath}`,
        `--thinlto-distributor-arg=${join(ROOT, 'bench/plain-runner.mjs')}`,
        `--thinlto-remote-compiler=${findProgram(`clang-${LLVM_MAJOR}`)}`,
      ]
    case 'dtlto':
      return [join(DTLTO_BIN, 'ld.dtlto'), '--distribute=local']
    case 'dtlto-plain':
      return [join(DTLTO_BIN, 'ld.dtlto')]
  }
}

/** Its path. Throws if it is not on PATH. */
export function findProgram(name: string): string {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, name))
  const found = candidates.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`'${name}' is not on PATH; run npm run setup`)
  return found
}
