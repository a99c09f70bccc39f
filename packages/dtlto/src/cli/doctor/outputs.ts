/** A command line of lld whose outputs go elsewhere: a link without ThinLTO jobs goes to its end, and must not write what it would. */
import { join } from 'node:path'
import type { NativeArgument } from '@dtlto/native'

/** Options that name a file to be written, in lld's formats: as an argument of its own, or after `=` or `:`. */
const OUTPUT =
  /^(?:(--?(?:o|output|Map|dependency-file|cref-file|why-extract|print-archive-stats|out-implib|pdb|map|dependency_info|reproduce))(=|$)|([-/](?:out|pdb|implib|map|lldmap|manifestfile|reproduce|winmdfile|dependencyfile))(:))(.*)$/is

const isWindowsLinker = (program: NativeArgument | undefined): boolean => /(^|[\\/])lld-link/.test(String(program))

/** The last one counts, so a name is put in the place of each. Without any lld's own is `a.out` or the like, so one is added. */
export function withOutputsElsewhere(argv: readonly NativeArgument[], directory: string): NativeArgument[] {
  const [program = '', ...rest] = argv
  const isWindows = isWindowsLinker(program)
  const result: NativeArgument[] = [program]
  let names = 0
  const elsewhere = (): string => join(directory, `output-${names++}`)
  for (let i = 0; i < rest.length; i++) {
    const argument = rest[i] as NativeArgument
    const [, gnu, equals, windows, colon] = (typeof argument === 'string' ? OUTPUT.exec(argument) : undefined) ?? []
    if (isWindows ? windows !== undefined : gnu !== undefined && equals === '=') {
      result.push(`${gnu ?? windows ?? ''}${equals ?? colon ?? ''}${elsewhere()}`)
    } else if (!isWindows && gnu !== undefined) {
      result.push(gnu, elsewhere())
      i++
    } else result.push(argument)
  }
  result.push(...(isWindows ? [`/out:${elsewhere()}`] : ['-o', elsewhere()]))
  return result
}
