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

/** Distributors may have a copy of this module of their own: it is the process that has one LLVM. */
const CHOSEN = Symbol.for('dtlto.native')
const chosen = globalThis as { [CHOSEN]?: string }

/** The directory of the addon that this process takes; before anything else. The launcher chooses it (dtlto/launcher/llvm_choice.h). */
export function chooseNative(directory: string): void {
  chosen[CHOSEN] = directory
}

/**
 * Where the addon is: what DTLTO_NATIVE names, else the chosen one, else that of the LLVM that DTLTO_LLVM names, else this package's first. Whether it
 * is that one shows when it is loaded.
 */
export function addonPath(): string {
  const named = process.env['DTLTO_NATIVE']
  if (named) return named
  const directory = chosen[CHOSEN] ?? ofLlvm(buildDirectory(), process.env['DTLTO_LLVM'])
  return join(directory, ADDON)
}

const ADDON = 'dtlto.node'

function buildDirectory(): string {
  // In a checkout, from here or from the bundled programs; elsewhere by the package's name, which takes 2 ms.
  const here = dirname(fileURLToPath(import.meta.url))
  for (const near of [join(here, '../build'), join(here, '../../native/build')]) {
    if (existsSync(join(near, ADDON))) return near
  }
  return join(platformPackage(here), 'build')
}

/** The first version is in the directory itself, others in one of their own there. */
function ofLlvm(directory: string, major: string | undefined): string {
  const further = join(directory, `llvm-${major ?? ''}`)
  return major && existsSync(join(further, ADDON)) ? further : directory
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
      const problem = whyUnusable(module.exports, path)
      if (problem === undefined) return module.exports
      mismatch = module.exports.version !== VERSION
      attempts.push({ path, problem })
    } catch (error) {
      attempts.push({ path, problem: error instanceof Error ? error.message : String(error) })
    }
  }
  throw new NativeLoadError(attempts, mismatch)
}

function whyUnusable(addon: NativeAddon, path: string): string | undefined {
  if (addon.version !== VERSION) return `it is version ${addon.version}, expected ${VERSION}: build it again`
  // Who chose the addon has asked already.
  const major = chosen[CHOSEN] === undefined && process.env['DTLTO_LLVM']
  if (major && addon.llvmVersion.split('.')[0] !== major)
    return `it has LLVM ${addon.llvmVersion}, and DTLTO_LLVM asks for ${major}`
  return misfit(addon, path)
}

function explain(attempts: readonly LoadAttempt[]): string {
  const tried = attempts.map(({ path, problem }) => `  tried '${path}': ${problem}`).join('\n')
  return `the native part of dtlto could not be loaded\n${tried}\n${remedy(attempts)}`
}

function remedy(attempts: readonly LoadAttempt[]): string {
  if (attempts.some(({ problem }) => problem.startsWith('the libLLVM that'))) {
    return '  install a dtlto that was built with that LLVM, or that LLVM; a checkout is built again by npm run setup'
  }
  const [missing] = attempts.flatMap(({ problem }) => /libLLVM(?:\.so\.|-)?(\d+)?/.exec(problem) ?? [])
  if (missing !== undefined) {
    const [, major = '22'] = /(\d+)/.exec(missing) ?? []
    return `  install LLVM ${major}'s shared library, on Debian or Ubuntu: apt-get install libllvm${major}`
  }
  if (process.platform !== 'linux') return `  dtlto runs on Linux; this is ${process.platform}`
  if (attempts.some(({ path }) => path.includes(PLATFORM_PACKAGE))) {
    return `  npm's package '${PLATFORM_PACKAGE}' is not installed: install it together with dtlto, and optional dependencies with it`
  }
  return "  build it: 'npm run setup' in a checkout of dtlto installs what it needs (LLVM 22) and builds it"
}
