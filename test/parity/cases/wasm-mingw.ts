import { core, coreProgram, cxxProgram, debug, full, objects, runtime, thin } from '../inputs/programs.js'
import { text } from '../inputs/text.js'
import { library, link, type ParityCase, program, variant } from '../parity-case.js'
import { mingwX64, wasm32 } from '../targets.js'

/** wasm-ld, and ld.lld for MinGW. */

const wasm = (base: ParityCase, ...more: string[]): ParityCase => variant(base, more)
const cxxWasm = program('wasm', 'cxx', wasm32, cxxProgram(wasm32))
const coreWasm = program('wasm', 'core', wasm32, coreProgram(wasm32))
const debugWasm = program('wasm', 'debug', wasm32, cxxProgram(wasm32, debug))
const modules = ['start', 'math', 'table']

const wasmCases = [
  ...['--lto-O0', '--lto-O1', '--lto-CGO0'].map((level) => wasm(cxxWasm, level)),
  variant(cxxWasm, ['--lto-O3'], { effect: 'none' }),
  variant(cxxWasm, ['--lto-CGO3'], { effect: 'none' }),
  variant(cxxWasm, ['--thinlto-jobs=1'], { effect: 'none' }),
  variant(cxxWasm, ['--lto-partitions=2'], { effect: 'none' }),
  wasm(cxxWasm, '-mllvm', '-inline-threshold=0'),
  wasm(cxxWasm, '-mllvm', '-import-instr-limit=0'),
  wasm(cxxWasm, '-mllvm', '-disable-tail-duplicate', '-mllvm', '-inline-threshold=1'),
  wasm(cxxWasm, '--mllvm=-wasm-disable-explicit-locals'),
  wasm(cxxWasm, '--export-all'),
  wasm(cxxWasm, '--export=mix'),
  wasm(cxxWasm, '--no-gc-sections'),
  wasm(cxxWasm, '--print-gc-sections'),
  wasm(cxxWasm, '--stack-first', '-z', 'stack-size=131072'),
  wasm(cxxWasm, '--import-memory'),
  wasm(cxxWasm, '--growable-table'),
  variant(cxxWasm, ['-O2'], { effect: 'none' }),
  wasm(cxxWasm, '--strip-all'),
  wasm(cxxWasm, '--compress-relocations', '--strip-debug'),
  wasm(debugWasm, '--strip-debug'),
  wasm(debugWasm, '--build-id=sha1'),
  variant(coreWasm, ['--save-temps'], { creates: ['out', 'out.resolution.txt', 'core/math.o.5.precodegen.bc'] }),
  variant(coreWasm, ['-Map=out.map'], { creates: ['out', 'out.map'] }),
  variant(coreWasm, ['--lto-obj-path=obj'], { creates: ['out', 'obj1'] }),
  variant(coreWasm, ['--thinlto-index-only'], { creates: modules.map((name) => `core/${name}.o.thinlto.bc`) }),
  variant(coreWasm, ['--thinlto-index-only=out.list', '--thinlto-emit-imports-files'], {
    creates: ['out.list', 'core/math.o.imports'],
  }),
  variant(coreWasm, ['--thinlto-emit-index-files'], { creates: ['out', 'core/math.o.thinlto.bc'] }),
  variant(coreWasm, ['--reproduce=out.tar'], { creates: ['out.tar'] }),
  variant(coreWasm, ['-t']),
  program('wasm', 'full LTO alone', wasm32, coreProgram(wasm32, full)),
  library('wasm', 'shared library', wasm32, [core(wasm32, [...thin, '-fPIC'])]),
  link('wasm', 'relocatable', wasm32, coreProgram(wasm32), ['-r', '-o', 'out']),
  program('wasm', 'SIMD and bulk memory', wasm32, cxxProgram(wasm32, [...thin, '-msimd128', '-mbulk-memory'])),
  program('wasm', 'allowed undefined symbols', wasm32, [core(wasm32)], ['--allow-undefined']),
  program(
    'wasm',
    'threads',
    wasm32,
    [
      objects('core', wasm32, ['start.c', 'math.c', 'table.c'], [...thin, '-matomics', '-mbulk-memory']),
      objects('rt', wasm32, ['runtime.c'], ['-O2', '-fno-builtin', '-matomics', '-mbulk-memory']),
    ],
    ['--shared-memory', '--import-memory', '--max-memory=1048576'],
  ),
]

const cxxMingw = program('mingw', 'cxx', mingwX64, cxxProgram(mingwX64))
const coreMingw = program('mingw', 'core', mingwX64, coreProgram(mingwX64))
const mingw = (...more: string[]): ParityCase => variant(cxxMingw, more)

const mingwCases = [
  mingw('--lto-O0'),
  mingw('--lto-O1'),
  mingw('--lto-CGO0'),
  variant(cxxMingw, ['--lto-O3'], { effect: 'none' }),
  variant(cxxMingw, ['-plugin-opt=jobs=1'], { effect: 'none' }),
  mingw('-plugin-opt=O0'),
  mingw('-mllvm', '-inline-threshold=0'),
  mingw('-plugin-opt=-inline-threshold=0'),
  mingw('-plugin-opt=mcpu=haswell', '-plugin-opt=O1'),
  mingw('--gc-sections', '--icf=all'),
  mingw('--no-dynamicbase'),
  mingw('-s'),
  mingw('--export-all-symbols'),
  mingw('--image-base=0x150000000'),
  variant(coreMingw, ['-Map=out.map'], { creates: ['out', 'out.map'] }),
  variant(program('mingw', 'debug', mingwX64, cxxProgram(mingwX64, [...debug, '-gcodeview'])), ['--pdb=out.pdb'], {
    creates: ['out', 'out.pdb'],
  }),
  variant(coreMingw, ['--out-implib=out.lib', '--export-all-symbols'], { creates: ['out', 'out.lib'] }),
  library('mingw', 'DLL', mingwX64, coreProgram(mingwX64), ['--out-implib=libout.dll.a'], {
    creates: ['out', 'libout.dll.a'],
  }),
  library(
    'mingw',
    'DLL of exported functions',
    mingwX64,
    coreProgram(mingwX64, [...thin, '-DMIX_LINKAGE=__declspec(dllexport)']),
  ),
  library(
    'mingw',
    'DLL with a module definition file',
    mingwX64,
    [...coreProgram(mingwX64), text({ 'out.def': 'EXPORTS\n entry\n mix @3\n' })],
    ['extra/out.def'],
  ),
  program('mingw', 'full LTO alone', mingwX64, coreProgram(mingwX64, full)),
  program('mingw', 'DWARF', mingwX64, cxxProgram(mingwX64, debug), ['--build-id']),
  program('mingw', 'dllimport resolved in the link', mingwX64, [
    objects('user', mingwX64, ['start.c'], [...thin, '-DMIX_LINKAGE=__declspec(dllimport)']),
    objects('maker', mingwX64, ['math.c', 'table.c']),
    runtime(mingwX64),
  ]),
]

export const wasmMingwCases: ParityCase[] = [...wasmCases, ...mingwCases]
