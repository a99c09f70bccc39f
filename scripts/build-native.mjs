/**
 * The native part, with CMake and Ninja, once for each version of LLVM (llvm-versions.mjs), by that LLVM's clang: links need it anyway. CC and CXX name another compiler. Ninja is the staleness check: it looks at everything, LLVM's headers and CMake
 * files included, and is done in about 10 ms when there is nothing to do. CMake runs when the build directory is new,
 * or when it was configured with other Node headers than the installed ones.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { withHeartbeat } from './heartbeat.mjs'
import { readJson } from './json.mjs'
import { headerDefinitions } from './llvm-headers.mjs'
import { firstLlvm, isInstalled, llvmRoot, wantedLlvms } from './llvm-versions.mjs'
import { ROOT } from './root.mjs'
import { findProgram } from './system-packages.mjs'

const SOURCE = join(ROOT, 'packages/native')
const BUILD = join(SOURCE, 'build')
/** The target and the program of the C++ unit tests. */
export const UNIT_TESTS = 'dtlto-unit-tests'

/**
 * @typedef {object} NativeBuild
 * @property {string} [directory] where to build
 * @property {readonly string[]} [targets] instead of all that the product needs
 * @property {Readonly<Record<string, string>>} [definitions] more for CMake
 */

/** For every version of LLVM that is there. */
export function buildNativeParts() {
  return wantedLlvms().every((major, i) =>
    buildNative(
      i === 0
        ? { definitions: { DTLTO_LLVM_MAJORS: wantedLlvms().join(';') } }
        : {
            directory: join(BUILD, `llvm-${String(major)}`),
            definitions: { ...llvmDefinitions(major), DTLTO_WITH_LAUNCHER: 'OFF' },
          },
    ),
  )
}

/**
 * @param {NativeBuild} [options]
 * @returns {boolean}
 */
export function buildNative({ directory = BUILD, targets = [], definitions = {} } = {}) {
  const settings = cmakeSettings(definitions)
  const state = JSON.stringify({ ...settings, directory })
  const configured = join(directory, '.configured.json')
  const isConfigured =
    existsSync(join(directory, 'build.ninja')) && existsSync(configured) && readFileSync(configured, 'utf8') === state
  if (!isConfigured) {
    console.log('build: configuring the native part')
    if (cannotGoOn(directory, settings.definitions)) rmSync(directory, { recursive: true })
    const words = Object.entries(settings.definitions).map(([name, value]) => `-D${name}=${value}`)
    mkdirSync(directory, { recursive: true })
    if (!run('cmake', ['-S', SOURCE, '-B', directory, '-G', 'Ninja', ...words])) return false
    writeFileSync(configured, state)
  }
  return ninja(directory, targets)
}

/**
 * CMake refuses what it made at another place (a copied or moved checkout), forgets settings where the compiler changes, and keeps what it found of another LLVM.
 * @param {string} directory
 * @param {Readonly<Record<string, string>>} definitions
 */
function cannotGoOn(directory, definitions) {
  const cache = join(directory, 'CMakeCache.txt')
  if (!existsSync(cache)) return false
  const text = readFileSync(cache, 'utf8')
  const value = (/** @type {string} */ name) => new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(text)?.[1]
  const { CMAKE_CXX_COMPILER: compiler, LLVM_DIR: llvm } = definitions
  return (
    value('CMAKE_CACHEFILE_DIR') !== directory ||
    (llvm !== undefined && value('LLVM_DIR') !== llvm) ||
    (compiler !== undefined && basename(value('CMAKE_CXX_COMPILER') ?? '') !== basename(compiler))
  )
}

/**
 * What the build directory depends on beyond what CMake watches by itself.
 * @param {Readonly<Record<string, string>>} more
 */
function cmakeSettings(more) {
  const headers = nodePackage('node-api-headers')
  const addonApi = nodePackage('node-addon-api')
  return {
    definitions: {
      CMAKE_BUILD_TYPE: 'Release',
      ...llvmDefinitions(firstLlvm()),
      ...compilers(firstLlvm()),
      DTLTO_NODE_API_INCLUDE: join(headers.directory, 'include'),
      DTLTO_NODE_ADDON_API_INCLUDE: addonApi.directory,
      ...more,
    },
    versions: { 'node-api-headers': headers.version, 'node-addon-api': addonApi.version },
  }
}

/**
 * Nothing where CMake is to look for itself.
 * @param {number} major
 * @returns {Readonly<Record<string, string>>}
 */
function compilers(major) {
  if (process.env['CXX'] !== undefined) return {}
  const [c, cxx] = [`clang-${String(major)}`, `clang++-${String(major)}`].map(findProgram)
  return c === undefined || cxx === undefined ? {} : { CMAKE_C_COMPILER: c, CMAKE_CXX_COMPILER: cxx }
}

/**
 * Where a version is not in its usual place, CMake looks elsewhere.
 * @param {number} major
 * @returns {Readonly<Record<string, string>>}
 */
function llvmDefinitions(major) {
  const at = join(llvmRoot(major), 'lib/cmake')
  const installed = { DTLTO_HEADERS_ONLY: 'OFF', LLVM_DIR: join(at, 'llvm'), LLD_DIR: join(at, 'lld') }
  return { DTLTO_LLVM_MAJOR: String(major), ...(isInstalled(major) ? installed : headerDefinitions(major)) }
}

/**
 * Silent but for the compiler's messages.
 * @param {string} directory
 * @param {readonly string[]} targets
 */
function ninja(directory, targets) {
  const isNew = !existsSync(join(directory, 'dtlto.node'))
  if (isNew) console.log('build: compiling the native part (a minute or so)')
  const args = ['-C', directory, '-j', String(availableParallelism()), '--quiet', ...targets]
  /** @type {import('node:child_process').SpawnSyncOptionsWithStringEncoding} */
  const options = { encoding: 'utf8', stdio: ['inherit', 'pipe', 'inherit'], maxBuffer: Infinity }
  const compile = () => spawnSync('ninja', args, options)
  const { status, stdout } = isNew ? withHeartbeat('build: compiling the native part', compile) : compile()
  // Even a quiet ninja says so when it has nothing to do.
  const text = stdout.replace(/^ninja: no work to do\.\n/m, '')
  process.stdout.write(text)
  return status === 0
}

/** @param {string} name */
function nodePackage(name) {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
  const { version } = /** @type {{ version: string }} */ (readJson(manifest))
  return { directory: dirname(manifest), version }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(command, args) {
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0
}
