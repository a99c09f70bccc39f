/** What tarball and .deb have in common: our programs among packages of npm's, as npm would install them. */
import { chmodSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.mjs'
import { fillNodeModules } from './node-modules.mjs'
import { PLATFORM_PACKAGE } from './platform.mjs'
import { must } from './run.mjs'

export const NATIVE = join(ROOT, 'packages/native/build')
export const WITH_LLVM = ['dtlto.node', 'dtlto-codegen', 'dtlto-lld', 'dtlto-early.node']
/** Found by npm and bash, which look in our package; others have a share/. */
const FOR_NPM = ['man', 'completions']

/**
 * @typedef {object} InstalledPrograms
 * @property {readonly import('./node-modules.mjs').Installed[]} foreign packages of npm's that are not ours
 * @property {readonly string[]} withLlvm paths of the programs that load LLVM
 * @property {readonly { name: string, target: string }[]} onPath what belongs on PATH; `target` counts from `modules`
 */

/**
 * @param {string} modules a directory node_modules to fill
 * @returns {InstalledPrograms}
 */
export function installPrograms(modules) {
  const foreign = fillNodeModules(modules)
  for (const directory of FOR_NPM) rmSync(join(modules, 'dtlto', directory), { recursive: true, force: true })
  const withLlvm = WITH_LLVM.map((name) => join(modules, PLATFORM_PACKAGE, 'build', name))
  const bin = readdirSync(join(modules, 'dtlto/bin')).sort()
  for (const file of [...withLlvm, ...bin.map((name) => join(modules, 'dtlto/bin', name))])
    must('strip', ['--strip-unneeded', '--remove-section=.comment', '--remove-section=.note', file])
  for (const library of [...withLlvm, ...bin.map((name) => join(modules, 'dtlto/bin', name))].filter(isLibrary))
    chmodSync(library, 0o644)
  const onPath = bin.filter((name) => !isLibrary(name)).map((name) => ({ name, target: `dtlto/bin/${name}` }))
  return {
    foreign,
    withLlvm,
    onPath: [...onPath, { name: 'dtlto-codegen', target: `${PLATFORM_PACKAGE}/build/dtlto-codegen` }],
  }
}

const isLibrary = (/** @type {string} */ name) => /\.(so|node)$/.test(name)
