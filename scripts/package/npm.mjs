/**
 * The packages of npm's. Each is what `npm pack` makes of it, and then, because a checkout has it once or builds for any machine: README, LICENSE, and in the packages
 * with programs the machines that these run on, so that npm refuses others with a reason.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJson } from '../json.mjs'
import { ROOT } from '../root.mjs'
import { must } from './run.mjs'
import { makeTexts } from './share.mjs'

/**
 * @typedef {object} PackageJson
 * @property {string} name
 * @property {string} version
 * @property {string} [description]
 * @property {string} [license]
 * @property {string | { readonly name: string }} [author]
 * @property {readonly string[]} [files]
 * @property {Readonly<Record<string, string>>} [dependencies]
 * @property {Readonly<Record<string, string>>} [devDependencies]
 */

/** Those with compiled programs. */
const FOR_THIS_MACHINE = ['dtlto', '@dtlto/native']

/**
 * Makes `output` anew, with a file for each package.
 * @param {string} output
 * @returns {readonly string[]} the files
 */
export function makeNpmPackages(output) {
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'dtlto-npm-'))
  try {
    must('npm', ['pack', '--silent', '--workspaces', '--pack-destination', work], { cwd: ROOT })
    const unpacked = readdirSync(work).map((file) => {
      const directory = join(work, `${file}.d`)
      mkdirSync(directory)
      must('tar', ['-xf', join(work, file), '-C', directory, '--strip-components=1'])
      complete(directory)
      return directory
    })
    must('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', output, ...unpacked])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return readdirSync(output)
    .sort()
    .map((name) => join(output, name))
}

/** @param {string} directory of an unpacked package */
function complete(directory) {
  // All that is there is to be packed again; what only building needs is of no use.
  const rest = packageJson(directory)
  delete rest.files
  delete rest.devDependencies
  const machine = { os: [process.platform], cpu: [process.arch], libc: ['glibc'] }
  const written = {
    ...rest,
    ...(FOR_THIS_MACHINE.includes(rest.name) ? machine : {}),
    ...(rest.name === 'dtlto' ? { man: addTexts(directory) } : {}),
  }
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(written, undefined, 2)}\n`)
  copyFileSync(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'))
  if (rest.name === 'dtlto') addCompiledProgram(directory)
  const readme = join(directory, 'README.md')
  if (!existsSync(readme)) writeFileSync(readme, readmeOf(rest))
}

/**
 * The program as this Node compiles it: without it a link takes 5 ms longer to start. Another version of Node ignores it. No script that npm runs
 * at installation could make one, where such scripts are not allowed.
 * @param {string} directory
 */
function addCompiledProgram(directory) {
  mkdirSync(join(directory, 'build'))
  copyFileSync(join(ROOT, 'packages/dtlto/build/cli.cache'), join(directory, 'build/cli.cache'))
}

/**
 * Completions, and man pages, which npm links to where man looks.
 * @param {string} directory
 * @returns {readonly string[]} the man pages, for package.json
 */
function addTexts(directory) {
  const man = join(directory, 'man')
  makeTexts({ man, completions: join(directory, 'completions') })
  const sections = readdirSync(man).sort()
  return sections.flatMap((section) =>
    readdirSync(join(man, section))
      .sort()
      .map((page) => `man/${section}/${page}`),
  )
}

/** @param {PackageJson} of */
function readmeOf({ name, version, description = '' }) {
  const lines = [`# ${name} ${version}`, '', `${description}.`]
  if (name === 'dtlto')
    lines.push(
      '',
      "It needs Linux with glibc, Node 20.19 or newer and LLVM 22's shared library (`apt-get install libllvm22` on Debian). Then:",
      '',
      '    dtlto doctor',
      '    clang++ -flto=thin -O2 -fuse-ld=dtlto -Wl,--distribute=local *.o -o app',
    )
  else lines.push('', 'A part of dtlto: see the package `dtlto`.')
  return `${lines.join('\n')}\n`
}

/**
 * @param {string} directory of a package
 * @returns {PackageJson}
 */
export function packageJson(directory) {
  return /** @type {PackageJson} */ (readJson(join(directory, 'package.json')))
}
