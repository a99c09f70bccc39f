import type { Recipe, Step } from '../recipe.js'
import type { Target } from '../targets.js'
import { compile, native, thin } from './programs.js'

/** The C program of `core` in archives of every kind. */

export interface ArchiveOptions {
  readonly flags?: readonly string[]
  /** Flags of llvm-ar, `rcs` by default; `T` is a thin archive. */
  readonly ar?: string
  /** Members with flags of their own. */
  readonly memberFlags?: Readonly<Record<string, readonly string[]>>
  /** The folder of the recipe. */
  readonly name?: string
  readonly extra?: readonly string[]
}

/** start.o beside libcore.a, which holds the other modules, one that nobody needs among them. */
export function archive(target: Target, options: ArchiveOptions = {}): Recipe {
  const { flags = thin, ar = 'rcs', memberFlags = {}, name = 'archive', extra = [] } = options
  const members = ['math', 'table', 'twins', ...extra]
  const build = (source: string): Step => compile(target, `${source}.c`, `${source}.o`, memberFlags[source] ?? flags)
  return {
    name,
    files: ['start.o', 'libcore.a'],
    steps: [
      compile(target, 'start.c', 'start.o', flags),
      ...members.map(build),
      ['llvm-ar', ar, 'libcore.a', ...members.map((member) => `${member}.o`)],
    ],
  }
}

/** A thin archive in one folder whose members are in another, beside it. */
export const thinArchiveAside = (target: Target): Recipe => ({
  name: 'aside',
  files: ['start.o', 'lib/libcore.a'],
  steps: [
    { mkdir: 'lib' },
    { mkdir: 'members/deep' },
    compile(target, 'start.c', 'start.o', thin),
    compile(target, 'math.c', 'members/math.o', thin),
    compile(target, 'table.c', 'members/deep/table.o', thin),
    ['llvm-ar', 'rcsT', 'lib/libcore.a', 'members/math.o', 'members/deep/table.o'],
  ],
})

/** Two archives of one name in two folders, with members of one name. */
export const sameNames = (target: Target, ar = 'rcs'): Recipe => ({
  name: 'same',
  files: ['start.o', 'a/libx.a', 'b/libx.a'],
  steps: [
    { mkdir: 'a' },
    { mkdir: 'b' },
    compile(target, 'start.c', 'start.o', thin),
    compile(target, 'math.c', 'a/m.o', thin),
    compile(target, 'table.c', 'b/m.o', thin),
    ['llvm-ar', ar, 'a/libx.a', 'a/m.o'],
    ['llvm-ar', ar, 'b/libx.a', 'b/m.o'],
  ],
})

/** One archive with two members of one name. */
export const sameMembers = (target: Target): Recipe => ({
  name: 'twice',
  files: ['start.o', 'libx.a'],
  steps: [
    { mkdir: 'a' },
    { mkdir: 'b' },
    compile(target, 'start.c', 'start.o', thin),
    compile(target, 'math.c', 'a/m.o', thin),
    compile(target, 'table.c', 'b/m.o', thin),
    ['llvm-ar', 'qcs', 'libx.a', 'a/m.o'],
    ['llvm-ar', 'qs', 'libx.a', 'b/m.o'],
  ],
})

/** Three objects of one name in three folders. */
export const sameObjects = (target: Target, flags: readonly string[] = thin): Recipe => ({
  name: 'folders',
  files: ['a/m.o', 'b/m.o', 'c/m.o'],
  steps: [
    { mkdir: 'a' },
    { mkdir: 'b' },
    { mkdir: 'c' },
    compile(target, 'start.c', 'a/m.o', flags),
    compile(target, 'math.c', 'b/m.o', flags),
    compile(target, 'table.c', 'c/m.o', flags),
  ],
})

/**
 * `printf` in machine code, `puts` as bitcode in an archive, and calls of `printf` that become calls of `puts` after importing: too late to extract it. LLVM 23 lets them be;
 * LLVM 22 makes a program that calls nothing.
 */
export const unextractedLibraryFunction = (target: Target): Recipe => ({
  name: 'libfunc',
  files: ['say_main.o', 'say.o', 'printf.o', 'libc.a'],
  steps: [
    compile(target, 'say_main.c', 'say_main.o', thin),
    compile(target, 'say.c', 'say.o', [...thin, '-fhosted', '-Wno-format-security']),
    compile(target, 'printf.c', 'printf.o', [...native, '-fno-builtin']),
    compile(target, 'puts.c', 'puts.o', thin),
    ['llvm-ar', 'rcs', 'libc.a', 'puts.o'],
  ],
})
