/**
 * Is the TypeScript output up to date? `tsc -b` knows, but takes a second to say so; a fingerprint of the names, sizes
 * and modification times of all inputs is known in milliseconds.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { distributors } from './build-bundle.mjs'
import { readJson } from './json.mjs'
import { ROOT } from './root.mjs'

const STAMP = join(ROOT, 'build/.typescript-stamp')

/** Changes whenever something changed that `tsc -b` or the bundle depends on. */
export function sourceFingerprint() {
  const packages = packageDirectories()
  const inputs = [
    'package-lock.json',
    'packages/dtlto/keep-compiled.cjs',
    'tsconfig.json',
    'tsconfig.base.json',
    ...readdirSync(join(ROOT, 'scripts'))
      .filter((name) => name.startsWith('build'))
      .map((name) => `scripts/${name}`),
    ...filesIn('packages/dtlto/page/src', /\.(html|css)$/),
    ...packages.flatMap((path) => [`${path}/package.json`, `${path}/tsconfig.json`, ...filesIn(`${path}/src`, SOURCE)]),
  ]
  const hash = createHash('sha256')
  // The code cache is for this Node.
  hash.update(`${process.execPath} ${process.version}\n`)
  for (const input of inputs) {
    const status = statSync(join(ROOT, input), { throwIfNoEntry: false })
    hash.update(`${input}\0${status?.size ?? ''}\0${status?.mtimeMs ?? ''}\n`)
  }
  return hash.digest('hex')
}

/** @param {string} fingerprint */
export function isFresh(fingerprint) {
  // Somebody may have deleted an output.
  const outputs = [
    ...['cli', ...distributors()].map((name) => join(ROOT, `packages/dtlto/build/${name}.cache`)),
    join(ROOT, 'packages/dtlto/dist/report-page.html'),
    ...packageDirectories().map((path) => join(ROOT, path, 'dist/.tsbuildinfo')),
  ]
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprint && outputs.every((path) => existsSync(path))
}

/** @param {string} before the fingerprint from before the build: what changed meanwhile must be built again */
export function markFresh(before) {
  mkdirSync(join(ROOT, 'build'), { recursive: true })
  writeFileSync(STAMP, before)
}

/** The packages that `tsc -b` builds. */
function packageDirectories() {
  const config = /** @type {{ references: { path: string }[] }} */ (readJson(join(ROOT, 'tsconfig.json')))
  return config.references.map(({ path }) => path)
}

const SOURCE = /(?<!\.test)\.(ts|cjs)$/

/**
 * @param {string} directory relative to the root
 * @param {RegExp} pattern
 * @returns {readonly string[]}
 */
function filesIn(directory, pattern) {
  if (!existsSync(join(ROOT, directory))) return []
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => `${directory}/${name}`)
}
