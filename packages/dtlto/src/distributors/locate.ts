/**
 * What the name of a distributor stands for: one that comes with dtlto; a path to an ES module, to a `.node` shared library, or to a `.so` with dtlto's C interface; an npm package,
 * looked for from a directory upwards and then from dtlto itself, as `NAME`, `dtlto-distributor-NAME` and `@dtlto/distributor-NAME`.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

/** Packages that come with dtlto. They are looked for in its own installation only, never near the working directory. */
export const PACKAGED: readonly string[] = ['distcc', 'external', 'reapi', 'ssh']

/** All that need no code but dtlto's own. */
export const BUILT_IN: readonly string[] = ['local', 'worker', ...PACKAGED]

/** True for what is dtlto's own: no package near the working directory can take such a name. */
export function isOwnName(name: string): boolean {
  return BUILT_IN.includes(name)
}

/** A library with dtlto's C interface. */
export const SHARED_LIBRARY: RegExp = /\.so(\.\d+)*$/

export function isPath(name: string): boolean {
  return (/[/\\]|\.(m?js|cjs|node)$/.test(name) || SHARED_LIBRARY.test(name)) && !name.startsWith('@')
}

export interface Candidate {
  /** For messages: what was looked for, and where. */
  readonly what: string
  /** Undefined: there is no such package. */
  readonly path: string | undefined
  /** True for a package that was found on the way up from the directory. */
  readonly isFound: boolean
}

/** Where the code of a distributor might be, best first. `directory`: what relative paths and the search for packages begin with. */
export function* candidates(name: string, directory: string): Generator<Candidate> {
  if (isPath(name)) {
    const path = resolve(directory, name)
    yield { what: path, path, isFound: false }
    return
  }
  const own = [import.meta.url, false] as const
  if (isOwnName(name)) {
    yield* packages([`@dtlto/distributor-${name}`], ...own)
    return
  }
  const names = [name, `dtlto-distributor-${name}`, `@dtlto/distributor-${name}`]
  yield* packages(names, join(directory, 'package.json'), true)
  yield* packages(names, ...own)
}

function* packages(names: readonly string[], root: string, isFound: boolean): Generator<Candidate> {
  const require = createRequire(root)
  for (const name of names) {
    let path: string | undefined
    try {
      path = require.resolve(name)
    } catch {
      path = undefined
    }
    yield { what: `${name} from ${root.replace(/^file:\/\//, '')}`, path, isFound }
  }
}

/** Whether there is anything by that name, without loading it. */
export function isThere(name: string, directory: string): boolean {
  if (isOwnName(name)) return true
  for (const { path } of candidates(name, directory)) if (path !== undefined && existsSync(path)) return true
  return false
}
