/** Debian's file `copyright`, in its machine-readable format: what is in a package, whose it is, and the licences. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT } from '../root.mjs'
import { LLD_PACKAGE } from './llvm.mjs'
import { packageJson } from './npm.mjs'
import { must } from './run.mjs'

const FORMAT = 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
const COMMON_APACHE = "On Debian systems the Apache License 2.0 is '/usr/share/common-licenses/Apache-2.0'."
const LLVM_LICENCE = 'Apache-2.0-with-LLVM-exception'

/** Compiled into the programs. */
const STATIC = [
  { name: 'lld', package: LLD_PACKAGE },
  { name: 'zlib', package: 'zlib1g-dev' },
]

/**
 * @param {{ foreign: readonly import('./node-modules.mjs').Installed[], modules: string, prefix: string }} of
 */
export function copyrightFile({ foreign, modules, prefix }) {
  const own = readFileSync(join(ROOT, 'LICENSE'), 'utf8')
  const exceptions = own.slice(own.indexOf('---- LLVM Exceptions'))
  const header = [
    FORMAT,
    'Upstream-Name: dtlto',
    `Comment: The programs also hold code of ${STATIC.map(({ name }) => name).join(' and ')}, whose copyright follows at the end.`,
  ]
  const ours = ['Files: *', 'Copyright: the authors of dtlto', `License: ${LLVM_LICENCE}`]
  const packages = foreign.map((installed) => {
    const files = `${prefix}/${relative(modules, installed.directory)}/*`
    return [`Files: ${files}`, ...licenceOf(installed)].join('\n')
  })
  const licence = [`License: ${LLVM_LICENCE}`, indented(`${COMMON_APACHE}\n\n${exceptions}`)]
  const texts = STATIC.map(({ name, package: debian }) => {
    const text = readFileSync(`/usr/share/doc/${debian}/copyright`, 'utf8')
    const version = must('dpkg-query', ['-W', '-f=${Version}\n', debian]).split('\n')[0] ?? ''
    return `Comment: ${name}, from ${debian} ${version}, says:\n${indented(text)}`
  })
  const paragraphs = [header.join('\n'), ours.join('\n'), ...packages, licence.join('\n')]
  return `${paragraphs.join('\n\n')}\n\n${texts.join('\n\n')}\n`
}

/** @param {string} licence Node's own file */
export function nodeCopyrightFile(licence) {
  const header = [FORMAT, 'Upstream-Name: Node.js', 'Source: https://nodejs.org']
  const files = ['Files: *', 'Copyright: Node.js contributors, and others whom the licence names', 'License: Node.js']
  return `${header.join('\n')}\n\n${files.join('\n')}\n${indented(licence)}\n`
}

/**
 * @param {import('./node-modules.mjs').Installed} installed
 * @returns {readonly string[]}
 */
function licenceOf({ name, directory }) {
  const { license = '', author } = packageJson(directory)
  if (license === '') throw new Error(`'${name}' does not say its licence`)
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? '' : readFileSync(join(directory, file), 'utf8')
  const [written] = /^.*copyright (?:\(c\)|©|\d).*$/im.exec(text) ?? []
  const by = typeof author === 'string' ? author : (author?.name ?? `the authors of ${name}`)
  const shortened = /^\s*Apache License\s+Version 2\.0/.test(text) ? COMMON_APACHE : text
  const short = license.replace(/^\((.*)\)$/, '$1').replaceAll(' ', '-')
  return [
    `Copyright: ${(written ?? by).trim().replace(/^copyright\s*/i, '')}`,
    `License: ${short}-${name.replace(/[@/]+/g, '-').replace(/^-/, '')}`,
    indented(shortened === '' ? `'${license}', says its package.json.` : shortened),
  ]
}

/**
 * As the value of a field: blank lines are dots.
 * @param {string} text
 */
function indented(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => ` ${line.trimEnd() === '' ? '.' : line.trimEnd()}`)
    .join('\n')
}
