/**
 * `npm run setup`: makes a machine ready, from nothing but Node and npm, and says nothing when it is ready already.
 * Every other command of the repository runs it first. Plain JavaScript with nothing but Node's own modules, because
 * it runs before npm packages exist.
 *
 *     node scripts/setup.mjs [--for=build|demo|package]     without what only tests and benches need
 */
import { ensureLlvmHeaders } from './llvm-headers.mjs'
import { ensureNodePackages } from './node-packages.mjs'
import {
  distributionName,
  hasPackageLists,
  installPackages,
  isDebianLike,
  missingPackages,
  packagesFor,
  packagesWithoutCandidate,
  rootPrefix,
  updatePackageLists,
} from './system-packages.mjs'

/** @typedef {import('./system-packages.mjs').SystemPackage} SystemPackage */

const MINIMUM_NODE = /** @type {const} */ ([20, 19])

const [option = '--for=test', ...more] = process.argv.slice(2)
const purpose = /^--for=(build|demo|package|test)$/.exec(option)?.[1]
if (purpose === undefined || more.length > 0)
  fail(`'${process.argv.slice(2).join(' ')}': expected --for=build, demo, package or test`)
const wanted = packagesFor(purpose)

checkNode()
ensureSystemPackages()
if (purpose === 'demo' && isDebianLike() && !ensureLlvmHeaders()) process.exit(1)
if (!ensureNodePackages(purpose === 'test')) process.exit(1)
// Imported late: only now are the packages there that it needs.
const { build } = await import('./build.mjs')
// Whoever only wants to see a link needs no types checked.
if (!(await build({ check: purpose !== 'demo' }))) process.exit(1)

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = MINIMUM_NODE
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  fail(`Node ${wantedMajor}.${wantedMinor} or newer is needed, but this is ${process.versions.node}`)
}

function ensureSystemPackages() {
  if (!isDebianLike()) {
    checkPrograms()
    return
  }
  const missing = missingPackages(wanted)
  if (missing.length === 0) return
  const required = missing.filter(({ optional }) => optional !== true)
  // Known to be unavailable here: nothing to do, at every start again.
  if (required.length === 0 && hasPackageLists() && packagesWithoutCandidate(missing).length === missing.length) return
  console.log(`setup: system packages are missing: ${names(missing)}`)
  const prefix = rootPrefix()
  if (prefix === undefined) {
    const what = [
      'neither root nor a usable sudo, so please install them:',
      `  apt-get update && apt-get install --no-install-recommends ${names(missing)}`,
      ...reasons(missing),
      ...llvmHint(missing),
    ]
    if (required.length > 0) return fail(...what)
    console.log(['setup: only some tests need them, and skip without.', ...what].join('\n'))
    return
  }
  updatePackageLists(prefix)
  const unavailable = packagesWithoutCandidate(missing)
  const blocking = unavailable.filter((candidate) => required.includes(candidate))
  if (blocking.length > 0) {
    return fail(
      `${distributionName()} offers no package ${names(blocking)}`,
      'Add a repository that has it, then run this again.',
      ...reasons(blocking),
      ...llvmHint(blocking),
    )
  }
  const available = missing.filter((candidate) => !unavailable.includes(candidate))
  if (available.length > 0 && !installPackages(prefix, available)) {
    fail('apt-get could not install them; its messages are above')
  }
  const still = missingPackages(available)
  if (still.length > 0) fail(`apt-get succeeded, but these are still missing: ${names(still)}`)
}

/**
 * Not every release of Debian and Ubuntu has LLVM 22 itself.
 * @param {readonly SystemPackage[]} packages
 */
function llvmHint(packages) {
  const isLlvm = packages.some(({ name }) => /-22(-dev)?$/.test(name))
  return isLlvm ? ["Where apt knows no LLVM 22, add LLVM's own apt repository (https://llvm.org links to it)."] : []
}

/** Elsewhere than on Debian we know no package names: say what is needed, unless DTLTO_SKIP_SYSTEM_PACKAGES vouches for it. */
function checkPrograms() {
  if (process.env['DTLTO_SKIP_SYSTEM_PACKAGES'] === '1') return
  fail(
    `packages can be installed by this script on Debian and Ubuntu only, and this is ${distributionName()}`,
    'Install what these Debian packages hold (LLVM, clang and lld must be version 22, with their CMake packages),',
    'then run this again with DTLTO_SKIP_SYSTEM_PACKAGES=1:',
    ...reasons(wanted),
  )
}

/** @param {readonly SystemPackage[]} packages */
function names(packages) {
  return packages.map(({ name }) => name).join(' ')
}

/** @param {readonly SystemPackage[]} packages */
function reasons(packages) {
  return packages.map(({ name, reason }) => `  ${name.padEnd(16)} ${reason}`)
}

/**
 * @param {...string} lines
 * @returns {never}
 */
function fail(...lines) {
  console.error(`setup: error: ${lines.join('\n')}`)
  process.exit(1)
}
