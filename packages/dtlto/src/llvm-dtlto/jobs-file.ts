/**
 * The JSON file that lld gives to a ThinLTO distributor (LLVM 22, lib/LTO/LTO.cpp): `common` with `linker_output`, `args` (the compiler first) and
 * `inputs`; `jobs`, each with `args`, `inputs` and `outputs`. Paths are relative to the working directory or absolute.
 */
import { readFileSync } from 'node:fs'
import { DtltoError } from '../errors.js'

const INDEX_OPTION = '-fthinlto-index='

export interface CompileCommand {
  readonly compiler: string
  /** All arguments. */
  readonly args: readonly string[]
  /** Where in `args` these stand: the module, the option that names the index, the object's name after `-o`. */
  readonly at: { readonly module: number; readonly index: number; readonly output: number }
  readonly module: string
  readonly index: string
  readonly output: string
  /** Files that it reads: module, index, modules it imports from, profiles. */
  readonly inputs: readonly string[]
}

/** Throws DTLTO_OPTION_INVALID for what is no such file. */
export function readJobsFile(path: string): readonly CompileCommand[] {
  const refuse = (what: string): never => {
    throw new DtltoError('DTLTO_OPTION_INVALID', `'${path}': ${what}: expected the JSON file of a ThinLTO distributor`)
  }
  let file: unknown
  try {
    file = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  const { common, jobs } = fieldsOf(file)
  const [compiler, ...shared] = strings(fieldsOf(common)['args']) ?? refuse('no list common.args')
  const inputs = strings(fieldsOf(common)['inputs']) ?? []
  if (compiler === undefined) return refuse('no compiler in common.args')
  if (!Array.isArray(jobs)) return refuse('no list of jobs')
  return jobs.map((job: unknown, i) => {
    const own = strings(fieldsOf(job)['args']) ?? refuse(`no list args in job ${String(i)}`)
    const args = [...shared, ...own]
    const index = args.findIndex((argument) => argument.startsWith(INDEX_OPTION))
    const output = args.lastIndexOf('-o') + 1
    const listed = [...inputs, ...(strings(fieldsOf(job)['inputs']) ?? [])]
    const module = args.findIndex((argument, at) => at >= shared.length && at !== output && listed.includes(argument))
    if (index < 0 || output === 0 || args[output] === undefined || module < 0)
      return refuse(`job ${String(i)} has no module, index or output among its arguments`)
    return {
      compiler,
      args,
      at: { module, index, output },
      module: args[module] as string,
      index: (args[index] as string).slice(INDEX_OPTION.length),
      output: args[output],
      inputs: listed,
    }
  })
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function strings(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
}
