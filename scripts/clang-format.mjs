/**
 * Checks the layout of the C++ sources, or mends it.
 *
 *     node scripts/clang-format.mjs [--write]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

const PROGRAM = 'clang-format-22'

const files = ['packages/native/src', 'packages/dtlto/launcher', 'examples'].flatMap(sourcesIn)
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror']

if (files.length > 0) {
  const { status, error } = spawnSync(PROGRAM, [...mode, ...files], { cwd: ROOT, stdio: 'inherit' })
  // Another version lays out differently: better no check than one that contradicts everybody else's.
  if (error !== undefined) console.log(`format: ${PROGRAM} is not installed, so C++ files are not checked`)
  process.exitCode = status ?? 0
}

/**
 * @param {string} directory relative to the root
 * @returns {readonly string[]}
 */
function sourcesIn(directory) {
  if (!existsSync(join(ROOT, directory))) return []
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cpp|h|c)$/.test(name) && !/(^|\/)(build|dist|node_modules)\//.test(name))
    .sort()
    .map((name) => `${directory}/${name}`)
}
