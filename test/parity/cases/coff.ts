import { anyOrder, ignoring, tracePhases } from '../comparators.js'
import { profiled, sampled } from '../inputs/profiles.js'
import { coreProgram, coreSources, cxxProgram, debug, full, objects, runtime, thin } from '../inputs/programs.js'
import { text } from '../inputs/text.js'
import { type CaseOptions, library, option, type ParityCase, program, variant } from '../parity-case.js'
import { coffArm64, coffX64, coffX86 } from '../targets.js'

/** lld-link and its options. */

const category = 'coff'
const base = program(category, 'cxx', coffX64, cxxProgram(coffX64))
const coreBase = program(category, 'core', coffX64, coreProgram(coffX64))
const debugBase = program(category, 'debug', coffX64, cxxProgram(coffX64, [...debug, '-gcodeview']))
const one = (...more: string[]): ParityCase => variant(base, more)
const same = (...more: string[]): ParityCase => variant(base, more, { effect: 'none' })
const making = (more: string[], creates: string[], options: CaseOptions = {}): ParityCase =>
  variant(coreBase, more, { creates: ['out', ...creates], ...options })

const dll = library(category, 'DLL', coffX64, coreProgram(coffX64))
const sampleBase = program(category, 'sample profile', coffX64, [sampled(coffX64), runtime(coffX64)])
const countBase = program(category, 'profile', coffX64, [profiled(coffX64), runtime(coffX64)])
const exporting = 'EXPORTS\n entry\n mix @3\n renamed=twice\n primes DATA\n'

const levels = [
  one('/opt:lldlto=0'),
  one('/opt:lldlto=1'),
  one('/opt:lldltocgo=0'),
  same('/opt:lldltocgo=1'),
  same('/opt:lldlto=2'),
  same('/opt:lldlto=3'),
  same('/opt:lldltocgo=3'),
]

const backend = [
  one('/mllvm:-inline-threshold=0'),
  one('-mllvm:-import-instr-limit=0'),
  one('/mllvm:-align-all-functions=5'),
  same('/mllvm:-code-model=large'),
  one('/mllvm:-emulated-tls', '/mllvm:-inline-threshold=3'),
  same('/opt:lldltojobs=1'),
  same('/opt:lldltojobs=all'),
  same('/opt:lldltopartitions=2'),
  variant(sampleBase, ['/lto-sample-profile:sampled/sample.txt']),
  variant(countBase, ['/lto-cs-profile-file:profiled/cs.profdata'], { compare: { stderr: anyOrder } }),
  variant(countBase, ['/lto-cs-profile-generate', '/force:unresolved'], { says: /undefined symbol: __llvm_profile/ }),
  option(category, coffX86, cxxProgram(coffX86), ['/opt:lldlto=0']),
  option(category, coffX86, cxxProgram(coffX86), ['/mllvm:-inline-threshold=0']),
  option(category, coffArm64, cxxProgram(coffArm64), ['/opt:lldlto=1']),
  option(category, coffArm64, cxxProgram(coffArm64), ['/mllvm:-align-all-functions=6']),
]

const kinds = [
  dll,
  variant(dll, ['/implib:named.lib'], { creates: ['out', 'named.lib'] }),
  library(
    category,
    'DLL with a module definition file',
    coffX64,
    [...coreProgram(coffX64), text({ 'out.def': exporting })],
    ['/def:extra/out.def', '/implib:out.lib'],
    { creates: ['out', 'out.lib'] },
  ),
  library(
    category,
    'DLL of dllexport functions',
    coffX64,
    coreProgram(coffX64, [...thin, '-DMIX_LINKAGE=__declspec(dllexport)']),
  ),
  program(category, 'dllimport resolved in the link', coffX64, [
    objects('user', coffX64, ['start.c'], [...thin, '-DMIX_LINKAGE=__declspec(dllimport)']),
    objects('maker', coffX64, ['math.c', 'table.c']),
    runtime(coffX64),
  ]),
  ...[coffX64, coffX86, coffArm64].map((target) =>
    program(category, `weak aliases of virtual destructors, ${target.name}`, target, [
      objects('alive', target, ['alive_main.cpp', 'alive.cpp'], [...thin, '-fno-rtti', '-fno-exceptions']),
      runtime(target),
    ]),
  ),
  program(category, 'full LTO alone', coffX64, coreProgram(coffX64, full)),
  program(category, 'split LTO units', coffX64, [
    objects(
      'classes',
      coffX64,
      ['classes_main.cpp', 'classes_a.cpp', 'classes_b.cpp', 'math.c', 'table.c'],
      [...thin, '-fwhole-program-vtables', '-fvisibility=hidden', '-fsplit-lto-unit'],
    ),
    runtime(coffX64),
  ]),
  program(
    category,
    'control flow guard',
    coffX64,
    [objects('core', coffX64, coreSources, [...thin, '-Xclang', '-cfguard']), runtime(coffX64)],
    ['/guard:cf'],
  ),
  program(category, 'DWARF', coffX64, cxxProgram(coffX64, [...debug, '-gdwarf']), ['/debug:dwarf']),
  program(category, 'delay-loaded nothing', coffX64, coreProgram(coffX64), ['/opt:ref', '/opt:icf']),
]

const outputs = [
  variant(debugBase, ['/debug', '/pdb:out.pdb'], { creates: ['out', 'out.pdb'] }),
  variant(debugBase, ['/debug', '/pdb:out.pdb', '/pdbaltpath:%_PDB%', '/opt:lldlto=0'], {
    creates: ['out', 'out.pdb'],
  }),
  variant(debugBase, ['/debug:ghash', '/pdb:out.pdb'], { creates: ['out', 'out.pdb'] }),
  variant(debugBase, ['/debug:symtab']),
  variant(debugBase, ['/debug', '/summary', '/pdb:out.pdb'], {
    creates: ['out.pdb'],
    compare: { stdout: ignoring(/\d+\.\d+ ?s|\d+ ms|\d+\.\d+%/g) },
  }),
  making(['/map:out.map'], ['out.map']),
  making(['/lldmap:out.lldmap'], ['out.lldmap']),
  making(['/lldsavetemps'], ['out.resolution.txt', 'core/math.o.5.precodegen.bc']),
  making(['/lldsavetemps:opt'], ['core/math.o.4.opt.bc']),
  making(['/lldsavetemps:prelink'], []),
  making(['/lto-obj-path:obj'], [], { effect: 'none' }),
  making(['/lldemit:asm'], [], { creates: [] }),
  making(['/lldemit:obj'], [], { effect: 'none' }),
  making(['/thinlto-index-only'], [], { creates: ['core/math.o.thinlto.bc'] }),
  making(['/thinlto-index-only:out.list', '/thinlto-emit-imports-files'], [], {
    creates: ['out.list', 'core/math.o.imports'],
  }),
  making(['/thinlto-index-only', '/thinlto-prefix-replace:core/;idx/'], [], { creates: ['idx/math.o.thinlto.bc'] }),
  making(['--time-trace=out.trace', '--time-trace-granularity=0'], ['out.trace'], {
    compare: { 'out\\.trace': tracePhases },
  }),
  making(['/reproduce:out.tar'], ['out.tar']),
  making(['/dependentloadflag:0x800'], []),
  making(['/verbose'], [], { compare: { stdout: ignoring(/\d+ms/g) } }),
  variant(
    program(category, 'split DWARF', coffX64, cxxProgram(coffX64, [...debug, '-gdwarf', '-gsplit-dwarf'])),
    ['/dwodir:dwo'],
    {
      creates: ['out', 'dwo/1.dwo'],
    },
  ),
]

const layout = [
  one('/include:unused_chain'),
  one('/merge:.rdata=.text'),
  one('/section:.data,RWE'),
  one('/base:0x180000000', '/fixed:no'),
  one('/alternatename:other=mix', '/include:other'),
  one('/stack:0x200000'),
  one('/largeaddressaware:no'),
  one('/dynamicbase:no'),
  one('/opt:noref'),
  one('/opt:noicf', '/opt:noref'),
  variant(program(category, 'order', coffX64, [...cxxProgram(coffX64), text({ order: 'mix\nlookup\nentry\n' })]), [
    '/order:@extra/order',
  ]),
  program(
    category,
    'explicit time stamp',
    { ...coffX64, program: coffX64.program.filter((word) => word !== '/Brepro') },
    cxxProgram(coffX64),
    ['/timestamp:1234567'],
  ),
]

export const coffCases: ParityCase[] = [...levels, ...backend, ...kinds, ...outputs, ...layout]
