/**
 * The native part, with CMake and Ninja. Ninja is the staleness check: it looks at everything, LLVM's headers and CMake
 * files included, and is done in about 10 ms when there is nothing to do. CMake runs when the build directory is new,
 * or when it was configured with other Node headers than the installed ones.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { readJson } from './json.mjs'
import { ROOT } from './root.mjs'

const SOURCE = join(ROOT, 'packages/native')
const BUILD = join(SOURCE, 'build')
const CONFIGURED = join(BUILD, '.configured.json')

/** @returns {boolean} */
export function buildNative() {
  const settings = cmakeSettings()
  const state = JSON.stringify(settings)
  const isConfigured =
    existsSync(join(BUILD, 'build.ninja')) && existsSync(CONFIGURED) && readFileSync(CONFIGURED, 'utf8') === state
  if (!isConfigured) {
    console.log('build: configuring the native part')
    const definitions = Object.entries(settings.definitions).map(([name, value]) => `-D${name}=${value}`)
    mkdirSync(BUILD, { recursive: true })
    if (!run('cmake', ['-S', SOURCE, '-B', BUILD, '-G', 'Ninja', ...definitions])) return false
    writeFileSync(CONFIGURED, state)
  }
  return ninja()
}

/** What the build directory depends on beyond what CMake watches by itself. */
function cmakeSettings() {
  const headers = nodePackage('node-api-headers')
  const addonApi = nodePackage('node-addon-api')
  return {
    definitions: {
      CMAKE_BUILD_TYPE: 'Release',
      DTLTO_NODE_API_INCLUDE: join(headers.directory, 'include'),
      DTLTO_NODE_ADDON_API_INCLUDE: addonApi.directory,
    },
    versions: { 'node-api-headers': headers.version, 'node-addon-api': addonApi.version },
  }
}

/** Silent but for the compiler's messages. */
function ninja() {
  if (!existsSync(join(BUILD, 'dtlto.node'))) console.log('build: compiling the native part (a minute or so)')
  const args = ['-C', BUILD, '-j', String(availableParallelism()), '--quiet']
  const { status, stdout } = spawnSync('ninja', args, {
    encoding: 'utf8',
    stdio: ['inherit', 'pipe', 'inherit'],
    maxBuffer: Infinity,
  })
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
