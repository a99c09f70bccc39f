/**
 * `npm run package -- KIND [OPTION...]`: what users install, from a checkout that is built.
 *
 *     tarball    build/packages/dtlto-VERSION-llvmN-linux-ARCH.tar.zst: needs nothing on its machine but the C and C++ libraries
 *     npm        build/packages/npm/*.tgz: one file for each package of npm's
 *
 *     --level=N            zstd's, 19 by default; 3 is good for a trial
 *     --output=DIRECTORY   instead of build/packages
 */
import { join, resolve } from 'node:path'
import { build } from '../build.mjs'
import { ROOT } from '../root.mjs'
import { makeNpmPackages } from './npm.mjs'
import { makeTarball } from './tarball.mjs'

const KINDS = ['tarball', 'npm']

/** @param {readonly string[]} args */
function readArguments(args) {
  const read = { kind: '', level: 19, output: join(ROOT, 'build/packages') }
  for (const arg of args) {
    const [, option, value = ''] = /^--(level|output)=(.+)$/.exec(arg) ?? []
    if (option === 'level' && /^([1-9]|1\d)$/.test(value)) read.level = Number(value)
    else if (option === 'output') read.output = resolve(value)
    else if (KINDS.includes(arg) && read.kind === '') read.kind = arg
    else throw new Error(`'${arg}' is neither a package nor an option: see the head of scripts/package/main.mjs`)
  }
  if (read.kind === '') throw new Error(`expected one of ${KINDS.join(', ')}`)
  return read
}

try {
  const { kind, level, output } = readArguments(process.argv.slice(2))
  if (!(await build())) process.exit(1)
  const files = kind === 'npm' ? makeNpmPackages(join(output, 'npm')) : [makeTarball(output, level)]
  for (const file of files) console.log(file)
} catch (error) {
  console.error(`package: error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
