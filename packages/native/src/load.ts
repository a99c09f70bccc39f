/**
 * Finds and loads the addon.
 *
 * It is opened with RTLD_DEEPBIND: `node` exports zlib's symbols (Chromium's zlib, whose deflate gives other bytes), and without it
 * libLLVM would bind to them; profile-instrumented objects hold data that libLLVM compresses. Try it: link with
 * -Wl,--lto-cs-profile-generate and compare. lld's own references are safe either way, it has a zlib of its own. Under LD_PRELOAD
 * (sanitizers, other allocators) deep binding would bypass the preloaded library for half the process, so it is left out there.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NativeAddon } from './contract.js'
import { misfit } from './llvm-fit.js'
import { VERSION } from './version.js'

/** npm's package of the compiled programs for this machine; an optional dependency, as there is one for each kind of machine. */
export const PLATFORM_PACKAGE = `@dtlto/${process.platform}-${process.arch}-gnu`

export interface LoadAttempt {
  readonly path: string
  readonly problem: string
}

/** No usable addon. `attempts` lists every place that was tried. */
export class NativeLoadError extends Error {
  readonly attempts: readonly LoadAttempt[]
  /** True when an addon was found, but of another version than this package. */
  readonly mismatch: boolean

  constructor(attempts: readonly LoadAttempt[], mismatch: boolean) {
    super(explain(attempts))
    this.name = 'NativeLoadError'
    this.attempts = attempts
    this.mismatch = mismatch
  }
}

/** Where the addon is: what DTLTO_NATIVE names, else this package's build. */
export function addonPath(): string {
  const named = process.env['DTLTO_NATIVE']
  if (named) return named
  // In a checkout, from here or from the bundled programs; elsewhere by the package's name, which takes 2 ms.
  const here = dirname(fileURLToPath(import.meta.url))
  for (const near of [join(here, '../build/dtlto.node'), join(here, '../../native/build/dtlto.node')]) {
    if (existsSync(near)) return near
  }
  return join(platformPackage(here), 'build', 'dtlto.node')
}

/** Its directory, where npm has installed it; else where it would be. */
function platformPackage(here: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PLATFORM_PACKAGE}/package.json`))
  } catch {
    return join(here, '../../..', PLATFORM_PACKAGE)
  }
}

export function loadAddon(): NativeAddon {
  const attempts: LoadAttempt[] = []
  let mismatch = false
  const path = addonPath()
  if (!existsSync(path)) {
    attempts.push({ path, problem: 'no such file' })
  } else {
    try {
      const module = { exports: {} as NativeAddon }
      const deepBind = process.platform === 'linux' && !process.env['LD_PRELOAD'] ? constants.dlopen.RTLD_DEEPBIND : 0
      process.dlopen(module, path, constants.dlopen.RTLD_LAZY | deepBind)
      if (module.exports.version === VERSION) {
        const problem = misfit(module.exports, path)
        if (problem === undefined) return module.exports
        attempts.push({ path, problem })
      } else {
        mismatch = true
        attempts.push({ path, problem: `it is version ${module.exports.version}, expected ${VERSION}: build it again` })
      }
    } catch (error) {
      attempts.push({ path, problem: error instanceof Error ? error.message : String(error) })
    }
  }
  throw new NativeLoadError(attempts, mismatch)
}

function explain(attempts: readonly LoadAttempt[]): string {
  const tried = attempts.map(({ path, problem }) => `  tried '${path}': ${problem}`).join('\n')
  return `the native part of dtlto could not be loaded\n${tried}\n${remedy(attempts)}`
}

function remedy(attempts: readonly LoadAttempt[]): string {
  if (attempts.some(({ problem }) => problem.startsWith('the libLLVM that'))) {
    return '  install a dtlto that was built with that LLVM, or that LLVM; a checkout is built again by npm run setup'
  }
  if (attempts.some(({ problem }) => problem.includes('libLLVM'))) {
    return "  install LLVM 22's shared library, on Debian or Ubuntu: apt-get install libllvm22"
  }
  if (process.platform !== 'linux') return `  dtlto runs on Linux; this is ${process.platform}`
  if (attempts.some(({ path }) => path.includes(PLATFORM_PACKAGE))) {
    return `  npm's package '${PLATFORM_PACKAGE}' is not installed: install it together with dtlto, and optional dependencies with it`
  }
  return "  build it: 'npm run setup' in a checkout of dtlto installs what it needs (LLVM 22) and builds it"
}
