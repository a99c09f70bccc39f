/**
 * The packages of npm's. Each is what `npm pack` makes of it, and then, because a checkout has it once or builds for any machine: README, LICENSE, notices of third
 * parties. The programs that load LLVM are a package for this kind of machine, which `dtlto` has as an optional dependency. It and `dtlto`, which has the launcher, say
 * what they run on, so that npm refuses other machines with a reason. No `repository`: there is no public one.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { distributors } from '../build-bundle.mjs'
import { readJson } from '../json.mjs'
import { ROOT } from '../root.mjs'
import { LLVM } from './llvm.mjs'
import { writeNpmNotices } from './npm-notices.mjs'
import { PLATFORM_PACKAGE } from './platform.mjs'
import { must } from './run.mjs'
import { makeTexts } from './share.mjs'

/**
 * @typedef {object} PackageJson
 * @property {string} name
 * @property {string} version
 * @property {string} [description]
 * @property {string} [license]
 * @property {Readonly<Record<string, string>>} [engines]
 * @property {string | { readonly name: string }} [author]
 * @property {readonly string[]} [files]
 * @property {Readonly<Record<string, string>>} [dependencies]
 * @property {Readonly<Record<string, string>>} [devDependencies]
 */

/** Those with compiled programs. */
const FOR_THIS_MACHINE = ['dtlto', PLATFORM_PACKAGE]
/** Whose dependency the platform's package is. */
const LOADERS = ['dtlto', '@dtlto/native']
/** Of `@dtlto/native`: only for building. */
const SOURCES = ['src', 'CMakeLists.txt']

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
    const unpacked = readdirSync(work).flatMap((file) => {
      const directory = join(work, `${file}.d`)
      mkdirSync(directory)
      must('tar', ['-xf', join(work, file), '-C', directory, '--strip-components=1'])
      return packageJson(directory).name === '@dtlto/native' ? [directory, splitPlatform(directory)] : [directory]
    })
    for (const directory of unpacked) complete(directory)
    must('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', output, ...unpacked])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return readdirSync(output)
    .sort()
    .map((name) => join(output, name))
}

/**
 * Takes the compiled programs out of `@dtlto/native`.
 * @param {string} native
 * @returns {string} the directory of the platform's package
 */
function splitPlatform(native) {
  const directory = `${native}.platform`
  mkdirSync(directory)
  renameSync(join(native, 'build'), join(directory, 'build'))
  for (const source of SOURCES) rmSync(join(native, source), { recursive: true })
  const { version, license, engines } = packageJson(native)
  const machine = `${process.platform} on ${process.arch}, with glibc`
  const description = `lld and LLVM ${LLVM} as a Node addon, and the programs of dtlto that need LLVM, for ${machine}`
  writeJson(directory, { name: PLATFORM_PACKAGE, version, description, license, engines })
  return directory
}

/**
 * @param {string} directory
 * @param {unknown} content of package.json
 */
function writeJson(directory, content) {
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(content, undefined, 2)}\n`)
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
    ...(LOADERS.includes(rest.name) ? { optionalDependencies: { [PLATFORM_PACKAGE]: rest.version } } : {}),
    ...(rest.name === 'dtlto' ? { man: addTexts(directory) } : {}),
  }
  writeJson(directory, written)
  writeNpmNotices(rest.name, directory)
  copyFileSync(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'))
  if (rest.name === 'dtlto') addCompiledProgram(directory)
  const readme = join(directory, 'README.md')
  if (!existsSync(readme)) writeFileSync(readme, readmeOf(rest))
}

/**
 * The program and its distributors as this Node compiles them: without that a link takes some 5 ms longer to start, one over Remote Execution 25. Another version of
 * Node ignores them. No script that npm runs at installation could make them, where such scripts are not allowed.
 * @param {string} directory
 */
function addCompiledProgram(directory) {
  mkdirSync(join(directory, 'build'))
  for (const name of ['cli', ...distributors()])
    copyFileSync(join(ROOT, `packages/dtlto/build/${name}.cache`), join(directory, `build/${name}.cache`))
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
      `It needs Linux with glibc, Node 20.19 or newer and LLVM ${LLVM}'s shared library (\`apt-get install libllvm${LLVM}\` on Debian). Then:`,
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
