import { tracePhases } from '../comparators.js'
import { llvmMajor } from '../environment.js'
import { archive } from '../inputs/archives.js'
import { coreProgram, cxxProgram, debug, full, objects, runtime, thin } from '../inputs/programs.js'
import { text } from '../inputs/text.js'
import {
  type CaseOptions,
  library,
  link,
  option,
  type ParityCase,
  printsInOrder,
  program,
  variant,
} from '../parity-case.js'
import { machoArm64, machoX64 } from '../targets.js'

/** ld64.lld and its options. */

const category = 'mach-o'
const target = machoArm64
const base = program(category, 'cxx', target, cxxProgram(target))
const coreBase = program(category, 'core', target, coreProgram(target))
const one = (...more: string[]): ParityCase => variant(base, more)
const same = (...more: string[]): ParityCase => variant(base, more, { effect: 'none' })
const making = (more: string[], creates: string[], options: CaseOptions = {}): ParityCase =>
  variant(coreBase, more, { creates: ['out', ...creates], ...options })

/** What a program needs of the system's library, as a text-based stub. */
const libSystem = `--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
current-version: 1319
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ dyld_stub_binder, ___stack_chk_fail, _malloc, _free ]
...
`

const options = [
  ...['--lto-O0', '--lto-O1', '--lto-CGO0'].map((level) => one(level)),
  same('--lto-O2'),
  same('--lto-O3'),
  same('--lto-CGO3'),
  one('-mllvm', '-inline-threshold=0'),
  one('-mllvm', '-import-instr-limit=0'),
  one('-mllvm', '-enable-machine-outliner=always'),
  one('-mllvm', '-align-all-functions=6'),
  same('-mcpu', 'apple-m1'),
  same('--thinlto-jobs=1'),
  same('--disable_verify'),
  one('--lto-newpm-passes=globaldce'),
  one('-dead_strip'),
  one('--icf=all'),
  // LLVM 23 finds nothing to fold.
  llvmMajor < 23 ? one('--icf=safe') : same('--icf=safe'),
  one('-x'),
  one('-S', '-no_function_starts'),
  one('-no_pie', '-no_uuid'),
  one('-export_dynamic'),
  one('-e', '_mix'),
  one('-headerpad', '0x1000'),
  one('-sectcreate', '__DATA', '__extra', 'rt/runtime.o'),
  one('-alias', '_mix', '_other_name'),
  one('-u', '_unused_chain'),
  option(category, machoX64, cxxProgram(machoX64), ['--lto-O0']),
  option(category, machoX64, cxxProgram(machoX64), ['-dead_strip']),
  option(category, machoX64, cxxProgram(machoX64), ['-mllvm', '-inline-threshold=0']),
]

const outputs = [
  making(['-map', 'out.map'], ['out.map']),
  making(['-object_path_lto', 'kept'], []),
  making(['-save-temps'], ['out.resolution.txt']),
  making(['--time-trace=out.trace', '--time-trace-granularity=0'], ['out.trace'], {
    compare: { 'out\\.trace': tracePhases },
  }),
  making(['-dependency_info', 'out.deps'], ['out.deps']),
  making(['--lto-debug-pass-manager', '--thinlto-jobs=1'], [], printsInOrder),
  making(['-t'], []),
  making(['-why_load'], [], { effect: 'none' }),
  making(['--reproduce=out.tar'], ['out.tar']),
]

const symbolLists = text({ exported: '_entry\n_mix\n', order: '_mix\n_lookup\n_entry\n' })
const kinds = [
  ...[machoX64, machoArm64].flatMap((of) => [
    library(category, `${of.name} dylib`, of, coreProgram(of), ['-install_name', '@rpath/libparity.dylib']),
    library(category, `${of.name} dylib with debug information`, of, cxxProgram(of, debug), [
      '-object_path_lto',
      'kept',
    ]),
    link(category, `${of.name} bundle`, of, coreProgram(of), [
      ...of.library.map((word) => word.replace('-dylib', '-bundle')),
      '-o',
      'out',
    ]),
    program(
      category,
      `${of.name} program against a stub of libSystem`,
      of,
      [...cxxProgram(of), text({ 'libSystem.tbd': libSystem })],
      ['extra/libSystem.tbd'],
    ),
  ]),
  library(
    category,
    'exported symbols',
    target,
    [...coreProgram(target), symbolLists],
    ['-exported_symbols_list', 'extra/exported'],
  ),
  library(category, 'order file', target, [...coreProgram(target), symbolLists], ['-order_file', 'extra/order']),
  library(
    category,
    'dead code stripped',
    target,
    [...coreProgram(target), symbolLists],
    ['-dead_strip', '-exported_symbol', '_entry'],
  ),
  program(category, 'full LTO alone', target, coreProgram(target, full)),
  program(
    category,
    'archive forced to load',
    target,
    [{ ...archive(target), files: ['start.o'] }, runtime(target)],
    ['-force_load', 'archive/libcore.a'],
  ),
  program(category, 'devirtualisation', target, [
    objects(
      'classes',
      target,
      ['classes_main.cpp', 'classes_a.cpp', 'classes_b.cpp', 'math.c', 'table.c'],
      [...thin, '-fwhole-program-vtables', '-fvisibility=hidden'],
    ),
    runtime(target),
  ]),
]

export const machoCases: ParityCase[] = [...options, ...outputs, ...kinds]
