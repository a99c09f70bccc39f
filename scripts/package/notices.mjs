/** The licences of what the package brings that is not ours: `THIRD-PARTY-NOTICES.md`, and the texts in `licenses/`. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { debianPackageOf } from './libraries.mjs'
import { LLD_PACKAGE } from './llvm.mjs'
import { packageJson } from './npm.mjs'
import { must } from './run.mjs'

/** Debian's packages of what is compiled into our programs. */
const STATIC = [
  { package: LLD_PACKAGE, what: 'lld, in `dtlto.node` and `dtlto-lld`' },
  { package: 'zlib1g-dev', what: 'zlib, in `dtlto.node`' },
]

/**
 * @typedef {object} Brought
 * @property {readonly import('./libraries.mjs').Library[]} libraries
 * @property {readonly import('./node-modules.mjs').Installed[]} packages of npm's
 * @property {string} node path of the program
 */

/**
 * @param {string} root of the package
 * @param {Brought} brought
 */
export function writeNotices(root, { libraries, packages, node }) {
  const texts = join(root, 'licenses')
  mkdirSync(texts)
  /** @type {string[]} */
  const rows = []
  const add = (
    /** @type {string} */ what,
    /** @type {string} */ version,
    /** @type {string} */ name,
    /** @type {string} */ text,
  ) => {
    copyFileSync(text, join(texts, name))
    rows.push(`| ${what} | ${version} | [licenses/${name}](licenses/${name}) |`)
  }

  add('Node.js, `node`', must(node, ['--version']).trim().slice(1), 'node.txt', nodeLicence(node))
  const debian = [
    ...STATIC,
    ...libraries.map((library) => ({ package: debianPackageOf(library), what: `\`${library.soname}\`` })),
  ]
  for (const { package: name, what } of debian) {
    const version = must('dpkg-query', ['-W', '-f=${Version}\n', name]).split('\n')[0] ?? ''
    add(what, version, `${name}.txt`, `/usr/share/doc/${name}/copyright`)
  }
  for (const { name, version, directory } of packages) {
    const text = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file))
    const licence = packageJson(directory).license ?? ''
    if (text) add(`npm: ${name}`, version, `npm-${name.replace(/[@/]+/g, '-')}.txt`, join(directory, text))
    else if (licence) rows.push(`| npm: ${name} | ${version} | ${licence}, says its package.json |`)
    else throw new Error(`'${name}' does not say its licence`)
  }
  writeFileSync(join(root, 'THIRD-PARTY-NOTICES.md'), `${HEAD}${rows.join('\n')}\n`)
}

const HEAD = `# Third-party notices

dtlto is licensed as [LICENSE](LICENSE) says. This package also holds the following, unchanged but for where libraries are looked for,
and for debug information, which is left out. Libraries and compiled-in code are those of Debian's packages of the version named, whose sources Debian offers. Programs linked with parts
of GCC's run-time library are covered by the GCC Runtime Library Exception.

| what | version | licence |
|---|---|---|
`

/**
 * Node's own archives have it beside bin/, distributions among the documentation.
 * @param {string} node
 */
export function nodeLicence(node) {
  const prefix = dirname(dirname(realpathSync(node)))
  const places = ['LICENSE', 'share/doc/nodejs/LICENSE', 'share/doc/node/LICENSE', 'share/doc/nodejs/copyright']
  const found = places.map((place) => join(prefix, place)).find((place) => existsSync(place))
  if (found === undefined) throw new Error(`no licence of '${node}' below '${prefix}': looked for ${places.join(', ')}`)
  return found
}
