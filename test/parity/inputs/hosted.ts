import { spawnSync } from 'node:child_process'
import type { Recipe } from '../recipe.js'
import { tool } from '../environment.js'
import type { Target } from '../targets.js'

/** A C++ program with the C++ library, exceptions and threads, for the machine's own system. */
export const hosted = (target: Target, flags: readonly string[]): Recipe => {
  const files = ['hosted_main', 'hosted_parse', 'hosted_count']
  return {
    name: 'hosted',
    files: files.map((file) => `${file}.o`),
    steps: files.map((file) => [
      'clang++',
      `--target=${target.triple}`,
      '-std=c++20',
      ...flags,
      '-c',
      `@source/${file}.cpp`,
      '-o',
      `${file}.o`,
    ]),
  }
}

/** The arguments with which clang starts the linker for that program, `$hosted` in the place of its objects. */
export function clangsArguments(...options: readonly string[]): string[] {
  // Any file that exists: clang looks for it, but does not read it.
  const object = process.execPath
  const args = ['-fuse-ld=lld', '-###', object, '-o', 'out', ...options]
  const { stderr } = spawnSync(tool('clang++'), args, { encoding: 'utf8' })
  const line = stderr.trimEnd().split('\n').at(-1) ?? ''
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? '').replaceAll(/\\(.)/g, '$1'))
  return words.slice(1).map((word) => (word === object ? '$hosted' : word))
}
