import { fileURLToPath } from 'node:url'

/** Which linker the tests get, and DTLTO_DISTRIBUTE for it. */
export interface Mode {
  readonly about: string
  readonly linker: 'stock' | 'dtlto'
  readonly distribute?: string
}

export const modes = {
  stock: { about: 'stock lld', linker: 'stock' },
  plain: { about: 'dtlto without settings', linker: 'dtlto' },
  local: { about: 'backends in the linker process', linker: 'dtlto', distribute: 'local' },
  isolate: {
    about: 'backends in worker processes, each job from its bytes alone',
    linker: 'dtlto',
    distribute: 'local,isolate=process',
  },
  clang: {
    about: 'a stock clang for every job that it can express',
    linker: 'dtlto',
    distribute: fileURLToPath(new URL('../../examples/process-pool/index.js', import.meta.url)),
  },
} as const satisfies Record<string, Mode>

export type ModeName = keyof typeof modes

export function isModeName(name: string): name is ModeName {
  return Object.hasOwn(modes, name)
}
