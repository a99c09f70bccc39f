/**
 * The distributors that come with dtlto are built into one file each, as the program itself is: some dozens of modules of a gRPC library take 100 ms of a
 * processor to be found, read and compiled, and one file that comes from V8's code cache 25.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface Compiled {
  /** cli/load.cjs. `run` gives what the file exports. */
  readonly compile: (path: string) => { run(require: (name: string) => unknown): Record<string, unknown> }
  /** What is `dtlto/plugin` to them: the program's own, so that there is one of each thing. */
  readonly plugin: Readonly<Record<string, unknown>>
}

let given: Compiled | undefined

/** For the program that is one file itself. Elsewhere distributors are the modules of their packages. */
export function useCompiled(compiled: Compiled): void {
  given = compiled
}

/** What the file exports that the distributor `name` was built into, if there is one; `index`: the path of its package's module. */
export function loadCompiled(name: string, index: string): Record<string, unknown> | undefined {
  const path = join(dirname(index), `${name}.cjs`)
  if (given === undefined || !existsSync(path)) return undefined
  const { compile, plugin } = given
  const require = createRequire(path)
  return compile(path).run((wanted) => (wanted === 'dtlto/plugin' ? plugin : (require(wanted) as unknown)))
}
