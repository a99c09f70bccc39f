/** The targets of the suite: how to compile for each, and which linker makes a program of it. */

export type Flavour = 'elf' | 'mingw' | 'coff' | 'macho' | 'wasm'

export interface Target {
  readonly name: string
  readonly flavour: Flavour
  readonly triple: string
  /** Added to every compilation. */
  readonly cflags: readonly string[]
  /** What makes a program with the entry point `entry`, before inputs and `-o`. */
  readonly program: readonly string[]
  /** What makes a shared library. */
  readonly library: readonly string[]
}

function target(name: string, flavour: Flavour, triple: string, more: Partial<Target> = {}): Target {
  return { name, flavour, triple, cflags: [], ...defaults[flavour], ...more }
}

const defaults: Readonly<Record<Flavour, Pick<Target, 'program' | 'library'>>> = {
  elf: { program: ['-e', 'entry'], library: ['-shared'] },
  mingw: {
    program: ['-m', 'i386pep', '--no-insert-timestamp', '-e', 'entry'],
    library: ['-m', 'i386pep', '--no-insert-timestamp', '-shared', '-e', 'entry'],
  },
  coff: {
    program: ['/entry:entry', '/subsystem:console', '/Brepro', '/nodefaultlib'],
    library: ['/dll', '/noentry', '/Brepro', '/nodefaultlib', '/export:entry'],
  },
  macho: {
    program: ['-e', '_entry', '-platform_version', 'macos', '12.0', '12.0', '-undefined', 'dynamic_lookup'],
    library: ['-dylib', '-platform_version', 'macos', '12.0', '12.0', '-undefined', 'dynamic_lookup'],
  },
  wasm: { program: ['--entry=entry'], library: ['-shared', '--experimental-pic', '--export=entry'] },
}

const machOArch = (target: Target, arch: string): Target => ({
  ...target,
  program: ['-arch', arch, ...target.program],
  library: ['-arch', arch, ...target.library],
})

export const x86_64 = target('x86-64', 'elf', 'x86_64-unknown-linux-gnu')
export const i386 = target('i386', 'elf', 'i686-unknown-linux-gnu')
export const aarch64 = target('aarch64', 'elf', 'aarch64-unknown-linux-gnu')
export const armv7 = target('armv7', 'elf', 'armv7-unknown-linux-gnueabihf')
export const riscv64 = target('riscv64', 'elf', 'riscv64-unknown-linux-gnu', {
  cflags: ['-march=rv64gc', '-mabi=lp64d'],
})
export const ppc64le = target('ppc64le', 'elf', 'powerpc64le-unknown-linux-gnu')
export const loongarch64 = target('loongarch64', 'elf', 'loongarch64-unknown-linux-gnu')
export const s390x = target('s390x', 'elf', 's390x-unknown-linux-gnu')
export const coffX64 = target('coff-x86-64', 'coff', 'x86_64-pc-windows-msvc')
export const coffX86 = target('coff-i386', 'coff', 'i686-pc-windows-msvc', {
  program: [...defaults.coff.program, '/safeseh:no'],
  library: [...defaults.coff.library, '/safeseh:no'],
})
export const coffArm64 = target('coff-arm64', 'coff', 'aarch64-pc-windows-msvc')
export const mingwX64 = target('mingw-x86-64', 'mingw', 'x86_64-w64-windows-gnu')
export const machoX64 = machOArch(target('macho-x86-64', 'macho', 'x86_64-apple-macos12'), 'x86_64')
export const machoArm64 = machOArch(target('macho-arm64', 'macho', 'arm64-apple-macos12'), 'arm64')
export const wasm32 = target('wasm32', 'wasm', 'wasm32-unknown-unknown')

export const elfTargets = [x86_64, i386, aarch64, armv7, riscv64, ppc64le, loongarch64, s390x] as const
export const coffTargets = [coffX64, coffX86, coffArm64] as const
export const machoTargets = [machoX64, machoArm64] as const
export const allTargets = [...elfTargets, ...coffTargets, mingwX64, ...machoTargets, wasm32] as const

/** What names the output file, in the spelling of the flavour. */
export function output(target: Target, file: string): string[] {
  return target.flavour === 'coff' ? [`/out:${file}`] : ['-o', file]
}
