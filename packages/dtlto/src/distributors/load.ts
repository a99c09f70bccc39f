/** From a name to a distributor, by way of locate.ts. */
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { didYouMean } from '../config/nearest.js'
import { whyDistrusted } from '../config/trusted-file.js'
import { DtltoError } from '../errors.js'
import { loadCPlugin } from './c-plugin/table.js'
import { loadCompiled } from './compiled.js'
import { checkDefinition } from './define.js'
import type { DistributorDefinition } from './interface.js'
import { BUILT_IN, candidates, isOwnName, SHARED_LIBRARY } from './locate.js'
import { worker } from './worker/worker.js'

const IMPORT_TIMEOUT_MS = 10_000

interface Attempt {
  readonly what: string
  readonly problem: string
}

export async function loadDistributor(name: string, directory: string): Promise<DistributorDefinition> {
  if (name === 'worker') return worker
  const attempts: Attempt[] = []
  for (const { what, path, isFound } of candidates(name, directory)) {
    // The user named a package, not the directory in which it is found.
    const distrust = path !== undefined && isFound ? whyDistrusted(path) : undefined
    if (path === undefined || distrust !== undefined) {
      attempts.push({ what, problem: distrust === undefined ? 'no such package' : `'${String(path)}': ${distrust}` })
      continue
    }
    let exported: unknown
    try {
      exported = await importDistributor(name, path)
    } catch (error) {
      attempts.push({ what, problem: problemOf(error) })
      continue
    }
    try {
      checkDefinition(exported, `'${what}'`)
    } catch (error) {
      if (DtltoError.is(error)) throw error
      throw new DtltoError('DTLTO_PLUGIN_INVALID', `'${what}': its definition cannot be read: ${String(error)}`, {
        cause: error,
      })
    }
    return exported
  }
  const tried = attempts.map(({ what, problem }) => `\n  tried '${what}': ${problem}`).join('')
  throw new DtltoError(
    'DTLTO_PLUGIN_NOT_FOUND',
    `no distributor '${name}' could be loaded${tried}\n  ${remedy(name)}`,
    {
      details: { name, attempts },
    },
  )
}

async function importDistributor(name: string, path: string): Promise<unknown> {
  if (SHARED_LIBRARY.test(path)) return loadCPlugin(path)
  if (extname(path) === '.node') {
    const module = { exports: {} as Record<string, unknown> }
    process.dlopen(module, path)
    return module.exports['default'] ?? module.exports
  }
  const compiled = isOwnName(name) ? loadCompiled(name, path) : undefined
  const namespace = compiled ?? ((await withinTime(importModule(path))) as Record<string, unknown>)
  const value = namespace['default']
  // A CommonJS module that was compiled from `export default` wraps it once more.
  const nested = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['default'] : undefined
  return nested ?? value
}

/**
 * Node resolves no symbolic links of modules (as npm and pnpm make them) if the last file whose status anybody has asked for was a pipe, since `realpathSync` takes the wrong one
 * for the link's: `node -e "fs.fstatSync(1); import('./link/module.mjs')" | cat`. What comes with `bigint` goes elsewhere; here it was a directory.
 */
function importModule(path: string): Promise<unknown> {
  statSync('/')
  return import(pathToFileURL(path).href)
}

/** Whoever imports `dtlto/plugin` must have it where Node looks for packages. */
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const [problem = ''] = error.message.split('\n')
  if (!problem.startsWith("Cannot find package 'dtlto'")) return problem
  const own = dirname(createRequire(import.meta.url).resolve('dtlto/package.json'))
  return `${problem}: have it there by 'npm install --no-save ${own}'`
}

/** A module may wait for something at its top level, for ever. */
async function withinTime<T>(loading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not loaded within ${String(IMPORT_TIMEOUT_MS / 1000)} s`))
    }, IMPORT_TIMEOUT_MS)
  })
  try {
    return await Promise.race([loading, late])
  } finally {
    clearTimeout(timer)
  }
}

function remedy(name: string): string {
  if (isOwnName(name)) return `this dtlto has no distributor '${name}': it has ${BUILT_IN.join(', ')}`
  const builtIns = `a built-in name (${BUILT_IN.join(', ')})`
  return `give ${builtIns}, an installed npm package, or a path to an ES module, a .node or a .so library${didYouMean(name, BUILT_IN)}`
}
