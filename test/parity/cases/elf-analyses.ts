import { anyOrder } from '../comparators.js'
import { archive } from '../inputs/archives.js'
import { clangsArguments, hosted } from '../inputs/hosted.js'
import { profiled, sampled } from '../inputs/profiles.js'
import { coreProgram, cxxProgram, debug, objects, runtime, thin } from '../inputs/programs.js'
import { library, link, type ParityCase, printsInOrder, program, variant } from '../parity-case.js'
import type { Recipe } from '../recipe.js'
import { aarch64, x86_64 } from '../targets.js'

/** Whole-program analyses: profiles, devirtualisation, control-flow integrity; and real C++ programs. */

const category = 'elf analyses'
const rt = runtime(x86_64)

const sample = program(category, 'sample profile', x86_64, [sampled(x86_64), rt])
const counts = program(category, 'instrumentation profile', x86_64, [profiled(x86_64), rt])
const csLibrary = library(category, 'instrumented library', x86_64, [profiled(x86_64, ['-fPIC']), runtime(x86_64)])
const yaml = ['--opt-remarks-filename', 'r', '--opt-remarks-format', 'yaml', '--opt-remarks-with-hotness']

const profiles = [
  sample,
  variant(sample, ['--lto-sample-profile=sampled/sample.txt']),
  variant(sample, [
    '-plugin-opt=sample-profile=sampled/sample.txt',
    '-mllvm',
    '-sample-profile-max-propagate-iterations=5',
  ]),
  counts,
  variant(counts, ['--lto-cs-profile-file=profiled/cs.profdata'], { compare: { stderr: anyOrder } }),
  variant(
    counts,
    ['--lto-cs-profile-file=profiled/cs.profdata', '--lto-pgo-warn-mismatch', '--thinlto-jobs=1'],
    printsInOrder,
  ),
  variant(counts, ['--lto-cs-profile-file=profiled/cs.profdata', '--no-lto-pgo-warn-mismatch']),
  variant(counts, ['-plugin-opt=cs-profile-path=profiled/cs.profdata'], { compare: { stderr: anyOrder } }),
  variant(csLibrary, ['--lto-cs-profile-generate']),
  variant(csLibrary, ['--lto-cs-profile-generate', '--lto-cs-profile-file=own.profraw']),
  variant(csLibrary, ['-plugin-opt=cs-profile-generate']),
  variant(counts, yaml, { creates: ['out', 'r.thin.1.yaml'] }),
  variant(counts, [...yaml, '--opt-remarks-hotness-threshold=50'], { creates: ['out', 'r.thin.1.yaml'] }),
  variant(counts, [...yaml, '--opt-remarks-hotness-threshold=auto'], { creates: ['out', 'r.thin.1.yaml'] }),
  variant(counts, ['-mllvm', '-hot-cold-split=true'], { effect: 'none' }),
  variant(counts, ['--save-temps']),
]

const classFiles = ['classes_main.cpp', 'classes_a.cpp', 'classes_b.cpp', 'math.c', 'table.c']
const classes = (flags: readonly string[]): Recipe[] => [
  objects('classes', x86_64, classFiles, [...thin, ...flags]),
  rt,
]
const hidden = '-fvisibility=hidden'
const wpd = '-fwhole-program-vtables'

const devirtualisation = [
  program(category, 'devirtualisation by index', x86_64, classes([hidden, wpd])),
  program(category, 'devirtualisation by split units', x86_64, classes([hidden, wpd, '-fsplit-lto-unit'])),
  program(
    category,
    'devirtualisation, split units with debug information',
    x86_64,
    classes([hidden, wpd, '-fsplit-lto-unit', '-g']),
  ),
  variant(program(category, 'public vtables', x86_64, classes([wpd])), ['--lto-whole-program-visibility']),
  variant(program(category, 'public vtables in split units', x86_64, classes([wpd, '-fsplit-lto-unit'])), [
    '--lto-whole-program-visibility',
  ]),
  program(category, 'public vtables, validated', x86_64, classes([wpd]), [
    '--lto-whole-program-visibility',
    '--lto-validate-all-vtables-have-type-infos',
    '--lto-known-safe-vtables=_ZTV4Many',
  ]),
  program(category, 'devirtualisation shown', x86_64, classes([hidden, wpd]), [
    '-mllvm',
    '-pass-remarks=wholeprogramdevirt',
    '--thinlto-jobs=1',
  ]),
  program(category, 'devirtualisation, imports wide open', x86_64, classes([hidden, wpd]), [
    '-mllvm',
    '-import-instr-limit=1000',
    '--lto-O3',
  ]),
  program(
    category,
    'virtual function elimination',
    x86_64,
    classes([hidden, wpd, '-fvirtual-function-elimination', '-flto=full']),
  ),
  library(category, 'devirtualisation in a shared library', x86_64, classes([wpd, '-fPIC'])),
]

/** Trapping checks need no runtime library; the list of exceptions is not part of clang's package. */
const sanitize = (kind: string): string[] => [`-fsanitize=${kind}`, '-fno-sanitize-ignorelist']

const cfi = ['cfi-icall', 'cfi-vcall', 'cfi-nvcall', 'cfi-derived-cast', 'cfi-unrelated-cast', 'cfi'].flatMap(
  (kind) => [program(category, `-fsanitize=${kind}`, x86_64, classes([hidden, ...sanitize(kind)]))],
)
const moreCfi = [
  program(
    category,
    '-fsanitize=cfi-icall, generalised pointers',
    x86_64,
    classes([hidden, ...sanitize('cfi-icall'), '-fsanitize-cfi-icall-generalize-pointers']),
  ),
  program(
    category,
    '-fsanitize=cfi-icall, not canonical',
    x86_64,
    classes([hidden, ...sanitize('cfi-icall'), '-fno-sanitize-cfi-canonical-jump-tables']),
  ),
  library(
    category,
    '-fsanitize=cfi across libraries',
    x86_64,
    classes(['-fPIC', hidden, ...sanitize('cfi'), '-fsanitize-cfi-cross-dso']),
  ),
  program(category, '-fsanitize=kcfi', x86_64, classes(['-fsanitize=kcfi'])),
  program(category, '-fsanitize=cfi on aarch64', aarch64, [
    objects('classes', aarch64, classFiles, [...thin, hidden, ...sanitize('cfi')]),
    runtime(aarch64),
  ]),
  program(category, 'cfi with save-temps', x86_64, classes([hidden, ...sanitize('cfi')]), ['--save-temps']),
  program(category, 'cfi with split units in an archive', x86_64, [
    archive(x86_64, { flags: [...thin, ...sanitize('cfi-icall'), hidden] }),
    rt,
  ]),
  program(
    category,
    'undefined behaviour trapped',
    x86_64,
    coreProgram(x86_64, [...thin, '-fsanitize=undefined', '-fsanitize-trap=all']),
  ),
  program(
    category,
    'stack protector and shadow call stack',
    aarch64,
    cxxProgram(aarch64, [...thin, '-fsanitize=shadow-call-stack', '-ffixed-x18']),
  ),
]

const pie = clangsArguments()
const hostedCases = [
  link(category, 'hosted C++ program', x86_64, [hosted(x86_64, thin)], pie),
  link(
    category,
    'hosted C++ program with debug information',
    x86_64,
    [hosted(x86_64, debug)],
    [...pie, '--gdb-index', '-Map=out.map'],
    {
      creates: ['out', 'out.map'],
    },
  ),
  link(category, 'hosted C++ program, static', x86_64, [hosted(x86_64, thin)], clangsArguments('-static')),
  link(
    category,
    'hosted C++ program, no pie',
    x86_64,
    [hosted(x86_64, [...thin, '-fno-pic'])],
    clangsArguments('-no-pie'),
  ),
  link(
    category,
    'hosted C++ library',
    x86_64,
    [hosted(x86_64, [...thin, '-fPIC'])],
    clangsArguments('-shared', '-Wl,-z,defs'),
  ),
  link(
    category,
    'hosted C++ program, -O3, sections collected and folded',
    x86_64,
    [hosted(x86_64, ['-flto=thin', '-O3'])],
    [...pie, '--gc-sections', '--icf=all', '--lto-O3'],
  ),
  link(
    category,
    'hosted C++ program, full LTO beside ThinLTO',
    x86_64,
    [hosted(x86_64, ['-flto=thin', '-O2', '-fsplit-lto-unit', '-fwhole-program-vtables'])],
    [...pie, '--lto-whole-program-visibility'],
  ),
]

export const elfAnalysisCases: ParityCase[] = [...profiles, ...devirtualisation, ...cfi, ...moreCfi, ...hostedCases]
