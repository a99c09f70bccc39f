/**
 * From a name to a distributor: a built-in; a path to an ES module or to a `.node` shared library; an npm package, looked for from
 * the working directory and then from dtlto itself, as `NAME`, then `dtlto-distributor-NAME`, then `@dtlto/distributor-NAME`.
 */
import { createRequire } from 'node:module'
import { extname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { DtltoError } from '../errors.js'
import { checkDefinition } from './define.js'
import type { DistributorDefinition } from './interface.js'
import { local } from './local/local.js'

/** Built-ins that are packages of their own, so that a link that does not use them does not load them. */
const PACKAGED = ['distcc', 'reapi']

const IMPORT_TIMEOUT_MS = 10_000

interface Attempt {
  readonly what: string
  readonly problem: string
}

export async function loadDistributor(name: string, directory: string): Promise<DistributorDefinition> {
  if (name === 'local') return local
  const attempts: Attempt[] = []
  for (const { what, path } of candidates(name, directory, attempts)) {
    let exported: unknown
    try {
      exported = await importDistributor(path)
    } catch (error) {
      attempts.push({ what, problem: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) })
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

function* candidates(name: string, directory: string, attempts: Attempt[]): Generator<{ what: string; path: string }> {
  if (/[/\\]|\.(m?js|cjs|node)$/.test(name) && !name.startsWith('@')) {
    const path = isAbsolute(name) ? name : resolve(directory, name)
    yield { what: path, path }
    return
  }
  const names = PACKAGED.includes(name)
    ? [`@dtlto/distributor-${name}`]
    : [name, `dtlto-distributor-${name}`, `@dtlto/distributor-${name}`]
  for (const root of [join(directory, 'package.json'), fileURLToPath(import.meta.url)]) {
    for (const candidate of names) {
      const what = `${candidate} from ${root}`
      try {
        yield { what, path: createRequire(root).resolve(candidate) }
      } catch {
        attempts.push({ what, problem: 'no such package' })
      }
    }
  }
}

async function importDistributor(path: string): Promise<unknown> {
  if (extname(path) === '.node') {
    const module = { exports: {} as Record<string, unknown> }
    process.dlopen(module, path)
    return module.exports['default'] ?? module.exports
  }
  const namespace = (await withinTime(import(pathToFileURL(path).href))) as Record<string, unknown>
  const value = namespace['default']
  // A CommonJS module that was compiled from `export default` wraps it once more.
  const nested = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['default'] : undefined
  return nested ?? value
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
  if (PACKAGED.includes(name)) return `install it: npm install @dtlto/distributor-${name}`
  return 'give a built-in name (local, distcc), an installed npm package, or a path to an ES module or .node library'
}
