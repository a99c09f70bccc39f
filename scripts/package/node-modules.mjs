/** A directory node_modules as npm would make it of our packages, without asking a registry. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../root.mjs'
import { makeNpmPackages, packageJson } from './npm.mjs'
import { must } from './run.mjs'

/** For authors of distributors, who have npm. */
const LEFT_OUT = ['@dtlto/testkit']
/** For compilers, not for Node. */
const TYPES_ONLY = '@types/'
/** Nothing reads these, but a licence may be one. */
const UNREAD = /(\.map|(?<!licen[cs]e)\.md|\/\.[^/]+|\/tests)$/i

/**
 * @typedef {object} Installed
 * @property {string} name
 * @property {string} version
 * @property {string} directory
 */

/**
 * Fills `modules` with our packages and all that they need.
 * @param {string} modules
 * @returns {readonly Installed[]} those that are not ours
 */
export function fillNodeModules(modules) {
  /** @type {Installed[]} */
  const foreign = []
  const ours = unpackOwn(modules)
  for (const { name, from, to } of ours) {
    for (const dependency of Object.keys(packageJson(to).dependencies ?? {}))
      if (!ours.some((own) => own.name === dependency)) install(dependency, from, to, name)
  }
  return foreign

  /**
   * @param {string} name
   * @param {string} from the package that needs it, where npm has installed that
   * @param {string} to the same package in `modules`
   * @param {string} neededBy
   */
  function install(name, from, to, neededBy) {
    if (name.startsWith(TYPES_ONLY)) return
    const source = findPackage(name, from)
    if (source === undefined) throw new Error(`'${name}', which '${neededBy}' needs, is not installed: npm install`)
    const { version, dependencies = {} } = packageJson(source)
    const shared = join(modules, name)
    const isThere = existsSync(shared)
    if (isThere && packageJson(shared).version === version) return
    const directory = isThere ? join(to, 'node_modules', name) : shared
    const own = join(source, 'node_modules')
    cpSync(source, directory, {
      recursive: true,
      filter: (path) => path !== own && !UNREAD.test(path.slice(source.length)),
    })
    foreign.push({ name, version, directory })
    for (const dependency of Object.keys(dependencies)) install(dependency, source, directory, name)
  }
}

/** @param {string} modules */
function unpackOwn(modules) {
  const packed = mkdtempSync(join(tmpdir(), 'dtlto-package-'))
  try {
    return makeNpmPackages(packed).flatMap((file) => {
      const unpacked = join(packed, 'unpacked')
      rmSync(unpacked, { recursive: true, force: true })
      mkdirSync(unpacked)
      must('tar', ['-xf', file, '-C', unpacked, '--strip-components=1'])
      const { name } = packageJson(unpacked)
      if (LEFT_OUT.includes(name)) return []
      const to = join(modules, name)
      cpSync(unpacked, to, { recursive: true })
      return [{ name, from: join(ROOT, 'node_modules', name), to }]
    })
  } finally {
    rmSync(packed, { recursive: true, force: true })
  }
}

/**
 * As Node looks for it.
 * @param {string} name
 * @param {string} from
 * @returns {string | undefined}
 */
function findPackage(name, from) {
  for (let at = from; ; at = dirname(at)) {
    const found = join(at, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return found
    if (at === dirname(at)) return undefined
  }
}
