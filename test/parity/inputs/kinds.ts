import type { Recipe, Step } from '../recipe.js'
import type { Target } from '../targets.js'
import { compile, coreSources, full, native, thin } from './programs.js'

/** Programs whose modules are not all of one kind: thin, full, machine code, no summary, fat, unified. */

/** The program of `core`, each module with flags of its own. */
export function mixed(
  target: Target,
  flags: readonly [start: readonly string[], math: readonly string[], table: readonly string[]],
  name = 'mixed',
): Recipe {
  const steps = coreSources.map((source, i) => compile(target, source, source.replace('.c', '.o'), flags[i] ?? thin))
  return { name, files: coreSources.map((source) => source.replace('.c', '.o')), steps }
}

/** Full LTO beside ThinLTO. */
export const thinAndFull = (target: Target): Recipe => mixed(target, [thin, full, thin])

/** Bitcode without any summary beside ThinLTO: lld takes it for full LTO. */
export const withoutSummary = (target: Target): Recipe => mixed(target, [thin, ['-O2', '-emit-llvm'], thin])

/** Machine code beside ThinLTO. */
export const withNative = (target: Target): Recipe => mixed(target, [thin, native, thin])

/** Many modules, each of which calls two others. */
export function chain(target: Target, count: number): Recipe {
  const name = (i: number): string => `link${i % count}`
  const source = (i: number): string =>
    [
      `int ${name(i + 1)}(int); int ${name(i + 7)}(int); static int calls${i};`,
      `int ${name(i)}(int v) { calls${i}++; return v <= 0 ? ${i} : ${name(i + 1)}(v - 1) + ${name(i + 7)}(v - 2) + calls${i}; }`,
      ...(i === 0 ? ['int entry(void) { return link0(9); }'] : []),
    ].join('\n')
  const indices = Array.from({ length: count }, (_, i) => i)
  return {
    name: 'chain',
    files: indices.map((i) => `${name(i)}.o`),
    steps: [
      ...indices.map((i): Step => ({ write: `${name(i)}.c`, text: source(i) })),
      // One clang for all of them: it names each object after its source.
      [
        'clang',
        `--target=${target.triple}`,
        ...target.cflags,
        ...thin,
        '-ffreestanding',
        '-c',
        ...indices.map((i) => `${name(i)}.c`),
      ],
    ],
  }
}

/** Modules with next to nothing in them. */
export const nearlyEmpty = (target: Target): Recipe => ({
  name: 'empty',
  files: ['nothing.o', 'data.o', 'assembly.o', 'static.o'],
  steps: [
    { write: 'nothing.c', text: 'typedef int nothing;\n' },
    { write: 'data.c', text: 'const int only_data[3] = {1, 2, 3};\n' },
    { write: 'assembly.c', text: '__asm__(".globl only_asm\\nonly_asm:\\n.byte 1\\n");\n' },
    { write: 'static.c', text: 'static int unused(void) { return 1; }\nint (*volatile use)(void) = unused;\n' },
    ...['nothing', 'data', 'assembly', 'static'].map((name) => compile(target, `./${name}.c`, `${name}.o`, thin)),
  ],
})

/** The program of `core` under a path that breaks careless quoting. */
export function oddPath(target: Target, folder: string, archived: boolean): Recipe {
  const objects = coreSources.map((source) => `${folder}/${source.replace('.c', '')}.o`)
  const rest = objects.slice(1)
  return {
    name: 'odd',
    files: archived ? [objects[0] ?? '', `${folder}/lib${folder}.a`] : objects,
    steps: [
      { mkdir: folder },
      ...coreSources.map((source, i) => compile(target, source, objects[i] ?? '', thin)),
      ...(archived ? [['llvm-ar', 'rcs', `${folder}/lib${folder}.a`, ...rest] as const] : []),
    ],
  }
}
