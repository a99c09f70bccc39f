/** What dpkg has to know about a package. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { must } from './run.mjs'

const LLVM = /^libllvm(\d+)/

/**
 * The packages of the libraries that programs load, as Debian's own tool finds them, with the oldest versions that will do. Of LLVM it must be the release that lld was
 * taken from, in whatever revision of Debian's.
 * @param {readonly string[]} programs
 * @returns {{ libraries: readonly string[], llvm: readonly string[] }}
 */
export function dependencies(programs) {
  const work = mkdtempSync(join(tmpdir(), 'dtlto-deb-'))
  try {
    mkdirSync(join(work, 'debian'))
    writeFileSync(join(work, 'debian/control'), 'Source: dtlto\n\nPackage: dtlto\nArchitecture: any\n')
    const files = programs.flatMap((file) => ['-e', file])
    // What it says about symbols that node gives to addons is no news.
    const options = { cwd: work, stdio: /** @type {const} */ (['ignore', 'pipe', 'ignore']) }
    const found = must('dpkg-shlibdeps', ['-O', '--warnings=0', ...files], { ...options, stdio: [...options.stdio] })
    const all = (/^shlibs:Depends=(.*)$/m.exec(found)?.[1] ?? '').split(', ').filter((name) => name !== '')
    const llvm = all.map((name) => LLVM.exec(name)?.[0]).find((name) => name !== undefined)
    return {
      libraries: all.filter((name) => !LLVM.test(name)).sort(),
      llvm: llvm === undefined ? [] : exactRelease(llvm),
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** @param {string} name of a package that is installed here */
function exactRelease(name) {
  const version = must('dpkg-query', ['-W', '-f=${Version}', name])
  const [, epoch = '', release = '', last = ''] = /^(\d+:)?(\d+\.\d+\.)(\d+)/.exec(version) ?? []
  if (release === '') throw new Error(`'${name}' has a version without a release: '${version}'`)
  return [`${name} (>= ${epoch}${release}${last}~)`, `${name} (<< ${epoch}${release}${Number(last) + 1}~)`]
}

/**
 * @param {Readonly<Record<string, string | readonly string[]>>} fields
 * @param {string} root
 */
export function controlFile(fields, root) {
  const { Description: description = [], ...rest } = fields
  const [synopsis, ...paragraphs] = /** @type {readonly string[]} */ (description)
  const all = {
    Package: '',
    Version: '',
    Section: 'devel',
    Priority: 'optional',
    'Installed-Size': `${installedSize(root)}`,
    ...rest,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  const text = paragraphs.map((line) => ` ${line === '' ? '.' : line}`)
  return `${[...lines, `Description: ${synopsis}`, ...text].join('\n')}\n`
}

/**
 * In KiB, counted as dpkg-gencontrol counts.
 * @param {string} root
 */
function installedSize(root) {
  const sizes = entries(root).map(({ path, isFile }) => (isFile ? Math.ceil(lstatSync(path).size / 1024) : 1))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/**
 * Of all files, for `dpkg --verify`.
 * @param {string} root
 */
export function md5sums(root) {
  const files = entries(root).filter(({ isFile }) => isFile)
  const lines = files.map(({ path }) => {
    const sum = createHash('md5').update(readFileSync(path)).digest('hex')
    return `${sum}  ${relative(root, path)}\n`
  })
  return lines.join('')
}

/**
 * @param {string} root
 */
function entries(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((entry) => ({ path: join(entry.parentPath, entry.name), isFile: entry.isFile() }))
    .filter(({ path }) => !path.startsWith(join(root, 'DEBIAN')))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}
