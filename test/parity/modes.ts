import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { traceDirectory } from './environment.js'
import type { Flavour } from './targets.js'

/** A mode adds dtlto's own options to every link of the suite, so that each case runs over each distributor. */
export interface Mode {
  readonly about: string
  /** Values of `--distribute=`. */
  readonly distribute: readonly string[]
}

function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}/index.js`, import.meta.url))
}

export type ModeName = keyof typeof modes

export const modes = {
  plain: { about: 'no option: the program is stock lld', distribute: [] },
  local: { about: 'backends in the linker process', distribute: ['local'] },
  isolate: {
    about: 'backends in worker processes, each job from its bytes alone',
    distribute: ['local,isolate=process'],
  },
  clang: { about: 'a stock clang for every job that it can express', distribute: [example('process-pool')] },
  distcc: { about: 'stock distccd, at DISTCC_HOSTS', distribute: ['distcc'] },
  reapi: {
    about: 'an engine, named by DTLTO_PARITY_DISTRIBUTE, with the compiler that is sent',
    distribute: ['reapi'],
  },
  faulty: {
    about: 'beside this process, a distributor whose every kind of answer is wrong now and then',
    distribute: [fileURLToPath(new URL('faulty.js', import.meta.url)), 'local'],
  },
} as const satisfies Record<string, Mode>

export function isModeName(name: string): name is ModeName {
  return Object.hasOwn(modes, name)
}

/** `DTLTO_PARITY_DISTRIBUTE` replaces what the mode says (values separated by spaces): servers differ by machine. */
export function modeOptions(name: ModeName, flavour: Flavour): string[] {
  const values = process.env['DTLTO_PARITY_DISTRIBUTE']?.split(' ').filter(Boolean) ?? modes[name].distribute
  const [dash, separator] = flavour === 'coff' ? ['/', ':'] : ['--', '=']
  const own = values.map((value) => `${dash}distribute${separator}${value}`)
  if (traceDirectory === undefined) return own
  const trace = path.join(traceDirectory, `${String(process.pid)}-${String(traces++)}.json`)
  return [...own, `${dash}distribute-trace${separator}${trace}`]
}

let traces = 0

/** Nothing is compiled in the linker's process. */
export function withoutFallback(flavour: Flavour): string[] {
  return [flavour === 'coff' ? '/distribute-fallback:none' : '--distribute-fallback=none']
}
