/**
 * `npm run package -- KIND [OPTION...]`: what users install, from a checkout that is built.
 *
 *     tarball    build/packages/dtlto-VERSION-llvmN-linux-ARCH.tar.zst: needs nothing on its machine but the C and C++ libraries
 *     deb        build/packages/*.deb: for Debian, with its libLLVM and Node
 *     npm        build/packages/npm/*.tgz: one file for each package of npm's
 *
 *     --level=N            of compression, 1 to 19, by default 19; 1 is good for a trial
 *     --only=NAME          of several packages this one
 *     --output=DIRECTORY   instead of build/packages
 */
import { join, resolve } from 'node:path'
import { build } from '../build.mjs'
import { ROOT } from '../root.mjs'
import { makeDebs } from './deb.mjs'
import { makeNpmPackages } from './npm.mjs'
import { makeTarball } from './tarball.mjs'

const XZ_LEVELS = 9

/** @type {Readonly<Record<string, (to: { output: string, level: number, only: string }) => readonly string[]>>} */
const KINDS = {
  tarball: ({ output, level }) => [makeTarball(output, level)],
  deb: ({ output, level, only }) => makeDebs(output, Math.ceil((level / 19) * XZ_LEVELS), only),
  npm: ({ output }) => makeNpmPackages(join(output, 'npm')),
}

/** @param {readonly string[]} args */
function readArguments(args) {
  const read = { kind: '', level: 19, only: '', output: join(ROOT, 'build/packages') }
  for (const arg of args) {
    const [, option, value = ''] = /^--(level|only|output)=(.+)$/.exec(arg) ?? []
    if (option === 'level' && /^([1-9]|1\d)$/.test(value)) read.level = Number(value)
    else if (option === 'only') read.only = value
    else if (option === 'output') read.output = resolve(value)
    else if (arg in KINDS && read.kind === '') read.kind = arg
    else throw new Error(`'${arg}' is neither a package nor an option: see the head of scripts/package/main.mjs`)
  }
  if (read.kind === '') throw new Error(`expected one of ${Object.keys(KINDS).join(', ')}`)
  return read
}

try {
  const { kind, ...to } = readArguments(process.argv.slice(2))
  if (!(await build())) process.exit(1)
  for (const file of KINDS[kind]?.(to) ?? []) console.log(file)
} catch (error) {
  console.error(`package: error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
