import type { Recipe, Step } from '../recipe.js'
import type { Target } from '../targets.js'

/** The programs of sources/, compiled for a target with the given flags. */

export const thin: readonly string[] = ['-flto=thin', '-O2']
export const full: readonly string[] = ['-flto=full', '-O2']
export const native: readonly string[] = ['-O2']
export const debug: readonly string[] = [...thin, '-g']

export const coreSources = ['start.c', 'math.c', 'table.c'] as const
export const cxxSources = ['circle.cpp', 'square.cpp', 'visit.cpp'] as const

export function compile(target: Target, source: string, to: string, flags: readonly string[]): Step {
  const cxx = /\.cpp$/.test(source)
  const common = ['-ffreestanding', '-fno-stack-protector', '-fno-ident', '-fno-asynchronous-unwind-tables']
  const language = cxx ? ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics'] : ['-std=c17']
  return [
    cxx ? 'clang++' : 'clang',
    `--target=${target.triple}`,
    ...target.cflags,
    ...language,
    ...common,
    ...flags,
    '-c',
    source.includes('/') ? source : `@source/${source}`,
    '-o',
    to,
  ]
}

export function objects(
  name: string,
  target: Target,
  sources: readonly string[],
  flags: readonly string[] = thin,
): Recipe {
  const files = sources.map((source) => source.replace(/\.\w+$/, '.o'))
  return { name, files, steps: sources.map((source, i) => compile(target, source, files[i] ?? '', flags)) }
}

/** Three C modules: inlining across modules, promoted locals, tables, read-only and write-only globals. */
export const core = (target: Target, flags: readonly string[] = thin): Recipe =>
  objects('core', target, coreSources, flags)

/** Three C++ modules that use `core` but for its start: vtables, comdats, constructors, templates. */
export const cxx = (target: Target, flags: readonly string[] = thin): Recipe =>
  objects('cxx', target, [...cxxSources, 'math.c', 'table.c'], flags)

/** memcpy and its kind, in machine code. */
export const runtime = (target: Target): Recipe => objects('rt', target, ['runtime.c'], [...native, '-fno-builtin'])

/** TLS, aliases, ifunc, commons, constructors, inline-asm symbols, C-named sections. */
export const elfOnly = (target: Target, flags: readonly string[] = thin): Recipe =>
  objects('elf', target, ['elf.c', 'elf_user.c', 'weak_strong.c'], ['-fcommon', ...flags])

export const coreProgram = (target: Target, flags?: readonly string[]): Recipe[] => [
  core(target, flags),
  runtime(target),
]
export const cxxProgram = (target: Target, flags?: readonly string[]): Recipe[] => [cxx(target, flags), runtime(target)]

/** Modules written as LLVM IR, without processor or feature attributes: such as the link's own options decide on. */
export const plainIr: Recipe = {
  name: 'plain',
  files: ['plain_a.o', 'plain_b.o'],
  steps: ['plain_a', 'plain_b'].map(
    (name) => ['opt', '--thinlto-bc', `@source/${name}.ll`, '-o', `${name}.o`] as const,
  ),
}
