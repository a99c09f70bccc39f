import type { Recipe } from '../recipe.js'
import type { Target } from '../targets.js'
import { compile, core, native, runtime, thin } from './programs.js'

/** The program of `core` with a start that prints its result: for qemu-user, wine, Node and this machine. */

const kernel32 = 'LIBRARY kernel32.dll\nEXPORTS\n GetStdHandle\n WriteFile\n ExitProcess\n'

export function runnable(target: Target): Recipe[] {
  if (target.flavour === 'wasm') return [core(target), runtime(target)]
  const windows = target.flavour === 'coff' || target.flavour === 'mingw'
  const run: Recipe = {
    name: 'run',
    files: windows ? ['run.o', 'kernel32.lib'] : ['run.o'],
    steps: [
      compile(target, 'run.c', 'run.o', target.flavour === 'elf' ? native : thin),
      ...(windows
        ? [
            { write: 'kernel32.def', text: kernel32 },
            ['llvm-dlltool', '-m', 'i386:x86-64', '-d', 'kernel32.def', '-l', 'kernel32.lib'] as const,
          ]
        : []),
    ],
  }
  return [run, core(target), runtime(target)]
}
