/** npm's packages: are the installed ones those of package-lock.json, and if not, install them. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withHeartbeat } from './heartbeat.mjs'
import { readJson } from './json.mjs'
import { ROOT } from './root.mjs'

/** @typedef {{ readonly version?: string, readonly link?: boolean, readonly dev?: boolean, readonly optional?: boolean, readonly peer?: boolean }} LockEntry */

const LOCK = join(ROOT, 'package-lock.json')
/** npm's own record of what it installed. */
const INSTALLED = join(ROOT, 'node_modules/.package-lock.json')
/** Ours: the hash of the lock file that node_modules was last found to agree with, so that the check is quick. */
const STAMP = join(ROOT, 'node_modules/.dtlto-setup')
/** In the stamp of an installation without what only checks and tests need. */
const FOR_BUILDING = 'for building'

/**
 * @param {boolean} [forTests] also what only checks and tests need: three quarters of the bytes
 * @returns {boolean} false if npm failed; npm has said why
 */
export function ensureNodePackages(forTests = true) {
  const hash = createHash('sha256').update(readFileSync(LOCK)).digest('hex')
  const stamps = forTests ? [hash] : [hash, `${hash} ${FOR_BUILDING}`]
  if (existsSync(STAMP) && stamps.includes(readFileSync(STAMP, 'utf8'))) return true
  const whole = agrees(true)
  if (!whole && (forTests || !agrees(false))) {
    console.log('setup: installing npm packages')
    // Not `npm ci`: it insists that the lock file lists the optional packages of all platforms, also where the registry
    // at hand has only this one's. The versions are the lock file's all the same, and it is not written.
    const args = ['install', '--no-save', '--no-audit', '--no-fund', ...(forTests ? [] : ['--omit=dev'])]
    const install = () => spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit' }).status
    if (withHeartbeat('setup: installing npm packages', install) !== 0) return false
  }
  writeFileSync(STAMP, stamps[whole || forTests ? 0 : 1] ?? hash)
  return true
}

/**
 * Whether everything that the lock file asks for is installed. After `npm install PACKAGE` it is, and another
 * install would be a waste.
 * @param {boolean} forTests
 */
function agrees(forTests) {
  if (!existsSync(INSTALLED)) return false
  const installed = readEntries(INSTALLED)
  return Object.entries(readEntries(LOCK)).every(([path, wanted]) => {
    // '' is the workspace itself and 'packages/…' its members, reached by links; optional ones depend on the platform.
    if (!path.startsWith('node_modules/') || wanted.optional === true) return true
    if (wanted.dev === true && !forTests) return true
    return existsSync(join(ROOT, path)) && (wanted.link === true || installed[path]?.version === wanted.version)
  })
}

/**
 * @param {string} file
 * @returns {Readonly<Record<string, LockEntry>>}
 */
function readEntries(file) {
  const lock = /** @type {{ packages: Record<string, LockEntry> }} */ (readJson(file))
  return lock.packages
}
