import { archive } from '../inputs/archives.js'
import { coreProgram, debug, full, runtime, thin } from '../inputs/programs.js'
import type { Recipe } from '../recipe.js'
import { coffX64, machoArm64, output, type Target, wasm32, x86_64 } from '../targets.js'

/** A link of which one input is damaged. */
export interface Subject {
  readonly name: string
  readonly target: Target
  readonly inputs: readonly Recipe[]
  /** The file to damage, relative to the working directory. */
  readonly victim: string
  readonly args: readonly string[]
}

function subject(
  name: string,
  target: Target,
  inputs: readonly Recipe[],
  victim: string,
  more: readonly string[] = [],
): Subject {
  // One thread and one job: the order of messages is then the stock linker's own.
  const single: Record<Target['flavour'], string[]> = {
    elf: ['--threads=1', '--thinlto-jobs=1'],
    mingw: ['--threads=1', '-plugin-opt=jobs=1'],
    coff: ['/threads:1', '/opt:lldltojobs=1'],
    macho: ['--threads=1', '--thinlto-jobs=1'],
    wasm: ['--threads=1', '--thinlto-jobs=1'],
  }
  const files = inputs.flatMap((input) => input.files.map((file) => `${input.name}/${file}`))
  return {
    name,
    target,
    inputs,
    victim,
    args: [...target.program, ...single[target.flavour], ...more, ...files, ...output(target, 'out')],
  }
}

const archived = (target: Target, options: Parameters<typeof archive>[1] = {}): Recipe[] => [
  archive(target, options),
  runtime(target),
]

export const subjects: readonly Subject[] = [
  subject('module', x86_64, coreProgram(x86_64), 'core/math.o'),
  subject('module with debug information', x86_64, coreProgram(x86_64, debug), 'core/math.o'),
  subject(
    'split LTO unit',
    x86_64,
    coreProgram(x86_64, [
      ...thin,
      '-fsplit-lto-unit',
      '-fsanitize=cfi-icall',
      '-fvisibility=hidden',
      '-fno-sanitize-ignorelist',
    ]),
    'core/table.o',
  ),
  subject('full LTO module', x86_64, coreProgram(x86_64, full), 'core/math.o'),
  subject('FatLTO object', x86_64, coreProgram(x86_64, [...thin, '-ffat-lto-objects']), 'core/math.o', [
    '--fat-lto-objects',
  ]),
  subject('archive', x86_64, archived(x86_64), 'archive/libcore.a'),
  subject('whole archive', x86_64, archived(x86_64), 'archive/libcore.a', ['--whole-archive']),
  subject('thin archive', x86_64, archived(x86_64, { ar: 'rcsT' }), 'archive/libcore.a'),
  subject('member of a thin archive', x86_64, archived(x86_64, { ar: 'rcsT' }), 'archive/math.o'),
  subject('COFF module', coffX64, coreProgram(coffX64), 'core/math.o'),
  subject('COFF archive', coffX64, archived(coffX64), 'archive/libcore.a'),
  subject('Mach-O module', machoArm64, coreProgram(machoArm64), 'core/math.o'),
  subject('Mach-O archive', machoArm64, archived(machoArm64), 'archive/libcore.a'),
  subject('Wasm module', wasm32, coreProgram(wasm32), 'core/math.o'),
  subject('Wasm archive', wasm32, archived(wasm32), 'archive/libcore.a'),
]
