/** Installations of dtlto in other places, and Node programs of all kinds. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PACKAGED } from '../../packages/dtlto/src/distributors/locate.js'
import { must } from '../link/toolchain.js'

const PACKAGES = fileURLToPath(new URL('../../packages/', import.meta.url))

/** Copies what a checkout has at run time to `root`; gives the directory of the programs. Which Node it was built with is forgotten. */
export function copyInstallation(root: string): string {
  const dtlto = join(root, 'packages/dtlto')
  for (const part of ['bin', 'dist', 'keep-compiled.cjs', 'package.json']) {
    cpSync(join(PACKAGES, 'dtlto', part), join(dtlto, part), { recursive: true })
  }
  symlinkSync(join(PACKAGES, 'native'), join(root, 'packages/native'))
  return join(dtlto, 'bin')
}

/** Those that come with dtlto, for an installation that was copied before. */
export function copyDistributors(root: string): void {
  mkdirSync(join(root, 'node_modules/@dtlto'), { recursive: true })
  symlinkSync(join(root, 'packages/dtlto'), join(root, 'node_modules/dtlto'))
  symlinkSync(join(PACKAGES, 'native'), join(root, 'node_modules/@dtlto/native'))
  for (const name of PACKAGED) {
    const copy = join(root, `packages/distributor-${name}`)
    for (const part of ['dist', 'package.json'])
      cpSync(join(PACKAGES, `distributor-${name}`, part), join(copy, part), { recursive: true })
    symlinkSync(copy, join(root, `node_modules/@dtlto/distributor-${name}`))
  }
}

/** A shell script `directory/name` that ends as this text says; `$NODE` is the Node of the tests. */
export function writeShim(directory: string, name: string, text: string): string {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, name)
  writeFileSync(path, text.replaceAll('$NODE', process.execPath), { mode: 0o755 })
  return path
}

/** A script that is Node, but for the version that it says it has. */
export function writeNodeOfVersion(directory: string, version: string): string {
  const fake = join(directory, 'version.cjs')
  writeFileSync(fake, `Object.defineProperty(process.versions, 'node', { value: '${version}' })`)
  return writeShim(directory, `node-${version}`, `#!/bin/sh\nexec "$NODE" -r '${fake}' "$@"\n`)
}

/** A program, compiled, that starts Node. */
export function compileShim(directory: string): string {
  const source = `#include <unistd.h>\nint main(int c, char **v) { v[0] = "node"; execv("${process.execPath}", v); return 1; }\n`
  writeFileSync(join(directory, 'shim.c'), source)
  must('cc', ['-o', 'shim', 'shim.c'], { cwd: directory })
  return join(directory, 'shim')
}
