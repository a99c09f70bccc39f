/**
 * The native part, with CMake and Ninja, once for each version of LLVM (llvm-versions.mjs). Ninja is the staleness check: it looks at everything, LLVM's headers and CMake
 * files included, and is done in about 10 ms when there is nothing to do. CMake runs when the build directory is new,
 * or when it was configured with other Node headers than the installed ones.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { withHeartbeat } from './heartbeat.mjs'
import { readJson } from './json.mjs'
import { firstLlvm, isInstalled, llvmRoot, wantedLlvms } from './llvm-versions.mjs'
import { ROOT } from './root.mjs'

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
    // CMake refuses what it made at another place: a copied or moved checkout.
    if (wasMadeElsewhere(directory)) rmSync(directory, { recursive: true })
    const words = Object.entries(settings.definitions).map(([name, value]) => `-D${name}=${value}`)
    mkdirSync(directory, { recursive: true })
    if (!run('cmake', ['-S', SOURCE, '-B', directory, '-G', 'Ninja', ...words])) return false
    writeFileSync(configured, state)
  }
  return ninja(directory, targets)
}

/** @param {string} directory */
function wasMadeElsewhere(directory) {
  const cache = join(directory, 'CMakeCache.txt')
  if (!existsSync(cache)) return false
  const made = /^CMAKE_CACHEFILE_DIR:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1]
  return made !== directory
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
      DTLTO_NODE_API_INCLUDE: join(headers.directory, 'include'),
      DTLTO_NODE_ADDON_API_INCLUDE: addonApi.directory,
      ...more,
    },
    versions: { 'node-api-headers': headers.version, 'node-addon-api': addonApi.version },
  }
}

/**
 * Where a version is not in its usual place, CMake looks elsewhere.
 * @param {number} major
 * @returns {Readonly<Record<string, string>>}
 */
function llvmDefinitions(major) {
  const at = join(llvmRoot(major), 'lib/cmake')
  return {
    DTLTO_LLVM_MAJOR: String(major),
    ...(isInstalled(major) ? { LLVM_DIR: join(at, 'llvm'), LLD_DIR: join(at, 'lld') } : {}),
  }
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
