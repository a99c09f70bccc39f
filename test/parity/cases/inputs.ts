import {
  archive,
  sameMembers,
  sameNames,
  sameObjects,
  thinArchiveAside,
  unextractedLibraryFunction,
} from '../inputs/archives.js'
import { chain, mixed, nearlyEmpty, oddPath, thinAndFull, withNative, withoutSummary } from '../inputs/kinds.js'
import {
  core,
  coreProgram,
  coreSources,
  cxxProgram,
  elfOnly,
  full,
  native,
  objects,
  runtime,
  thin,
} from '../inputs/programs.js'
import { text } from '../inputs/text.js'
import { library, link, type ParityCase, program } from '../parity-case.js'
import type { Recipe } from '../recipe.js'
import { aarch64, coffX64, machoArm64, mingwX64, type Target, wasm32, x86_64 } from '../targets.js'

/** What a link is given: archives, kinds of modules, odd names, long command lines. */

const category = 'inputs'
const start = ['-e', 'entry']
const rt = runtime(x86_64)

const elf = (name: string, inputs: readonly Recipe[], more: readonly string[] = []): ParityCase =>
  program(category, name, x86_64, [...inputs, rt], more)

/** All arguments given: inputs are named one by one. */
const spelled = (name: string, inputs: readonly Recipe[], ...args: string[]): ParityCase => ({
  ...link(category, name, x86_64, [...inputs, rt], []),
  links: [{ args: [...start, '-o', 'out', ...args, '$rt'] }],
})

const archives = [
  elf('regular archive', [archive(x86_64)]),
  elf('regular archive without index', [archive(x86_64, { ar: 'rcS' })]),
  elf('thin archive', [archive(x86_64, { ar: 'rcsT' })]),
  elf('thin archive, members in other folders', [thinArchiveAside(x86_64)]),
  spelled(
    'thin archive named through ..',
    [thinArchiveAside(x86_64)],
    'aside/start.o',
    'aside/members/../lib/libcore.a',
  ),
  {
    ...link(category, 'thin archive with absolute members', x86_64, [archive(x86_64), rt], []),
    links: [
      {
        before: [{ thinArchive: 'libabs.a', members: ['archive/math.o', 'archive/table.o'] }],
        args: [...start, '-o', 'out', 'archive/start.o', 'libabs.a', '$rt'],
      },
    ],
  },
  elf('thin and regular archive', [
    archive(x86_64, { ar: 'rcsT' }),
    { ...archive(x86_64, { name: 'other', flags: [...thin, '-fPIC'] }), files: ['libcore.a'] },
  ]),
  spelled(
    '--whole-archive',
    [archive(x86_64)],
    'archive/start.o',
    '--whole-archive',
    'archive/libcore.a',
    '--no-whole-archive',
  ),
  spelled(
    '--whole-archive of a thin archive',
    [archive(x86_64, { ar: 'rcsT' })],
    'archive/start.o',
    '--whole-archive',
    'archive/libcore.a',
  ),
  spelled(
    '--start-lib',
    [archive(x86_64)],
    '--start-lib',
    'archive/twins.o',
    'archive/table.o',
    'archive/math.o',
    '--end-lib',
    'archive/start.o',
  ),
  spelled('archive found by -L and -l', [archive(x86_64)], '-Larchive', 'archive/start.o', '-lcore'),
  spelled('archive found by -l:', [archive(x86_64)], '-Larchive', 'archive/start.o', '-l:libcore.a'),
  spelled(
    'archives in a group',
    [archive(x86_64)],
    '--start-group',
    'archive/libcore.a',
    'archive/start.o',
    '--end-group',
  ),
  spelled('archive named twice', [archive(x86_64)], 'archive/libcore.a', 'archive/start.o', 'archive/libcore.a'),
  spelled(
    'archive by absolute path of a symbolic link',
    [archive(x86_64)],
    'archive/start.o',
    'archive/../archive/./libcore.a',
  ),
  spelled(
    'archive, extraction shown',
    [archive(x86_64)],
    'archive/start.o',
    'archive/libcore.a',
    '--why-extract=-',
    '-t',
  ),
  elf('archive with machine-code members', [archive(x86_64, { memberFlags: { math: native } })]),
  elf('archive of machine code only', [
    archive(x86_64, { memberFlags: { math: native, table: native, twins: native } }),
  ]),
  elf('archive of full LTO', [archive(x86_64, { flags: full })]),
  elf('two archives of one name with members of one name', [sameNames(x86_64)]),
  elf('two thin archives of one name with members of one name', [sameNames(x86_64, 'rcsT')]),
  elf('one member name twice in an archive', [sameMembers(x86_64)]),
  elf('objects of one name in three folders', [sameObjects(x86_64)]),
  elf('objects of one name, full LTO', [sameObjects(x86_64, full)]),
  ...[coffX64, mingwX64, machoArm64, wasm32, aarch64].flatMap((target) => onOther(target)),
]

function onOther(target: Target): ParityCase[] {
  const more = runtime(target)
  const whole: Partial<Record<Target['flavour'], string[]>> = {
    coff: ['/wholearchive:archive/libcore.a'],
    macho: ['-all_load'],
    wasm: ['--whole-archive'],
    elf: ['--whole-archive'],
    mingw: ['--whole-archive'],
  }
  return [
    program(category, `${target.name} regular archive`, target, [archive(target), more]),
    program(category, `${target.name} thin archive`, target, [archive(target, { ar: 'rcsT' }), more]),
    program(category, `${target.name} whole archive`, target, [archive(target), more], whole[target.flavour] ?? []),
    program(category, `${target.name} archives and members of one name`, target, [sameNames(target), more]),
    program(category, `${target.name} full LTO and ThinLTO`, target, [thinAndFull(target), more]),
    program(category, `${target.name} machine code and ThinLTO`, target, [withNative(target), more]),
  ]
}

const kinds = [
  elf('full LTO and ThinLTO', [thinAndFull(x86_64)]),
  elf('full LTO and ThinLTO, partitions', [mixed(x86_64, [full, full, thin])], ['--lto-partitions=2']),
  elf('full LTO alone', [core(x86_64, full)]),
  elf(
    'full LTO alone, partitions',
    [objects('cxx', x86_64, ['circle.cpp', 'square.cpp', 'visit.cpp', 'math.c', 'table.c'], full)],
    ['--lto-partitions=4'],
  ),
  elf(
    'archive with full and thin members, partitions',
    [archive(x86_64, { memberFlags: { math: full } })],
    ['--lto-partitions=3'],
  ),
  elf('module without summary and ThinLTO', [withoutSummary(x86_64)]),
  elf('modules without summary alone', [core(x86_64, ['-O2', '-emit-llvm'])]),
  elf('machine code and ThinLTO', [withNative(x86_64)]),
  elf('no LTO at all', [core(x86_64, native)]),
  elf(
    'no LTO at all, but its options',
    [core(x86_64, native)],
    ['--lto-O3', '--thinlto-jobs=2', '-mllvm', '-inline-threshold=9'],
  ),
  elf(
    'split LTO units',
    cxxProgram(x86_64, [...thin, '-fsplit-lto-unit', '-fwhole-program-vtables', '-fvisibility=hidden']).slice(0, 1),
  ),
  elf('split LTO units in an archive', [archive(x86_64, { flags: [...thin, '-fsplit-lto-unit'] })]),
  elf('unified LTO, thin', [core(x86_64, [...thin, '-funified-lto'])], ['--lto=thin']),
  elf('unified LTO, full', [core(x86_64, [...thin, '-funified-lto'])], ['--lto=full']),
  elf('unified LTO, default', [core(x86_64, [...thin, '-funified-lto'])]),
  elf('unified LTO in an archive', [archive(x86_64, { flags: [...thin, '-funified-lto'] })], ['--lto=thin']),
  elf('FatLTO, bitcode used', [core(x86_64, [...thin, '-ffat-lto-objects'])], ['--fat-lto-objects']),
  elf('FatLTO, machine code used', [core(x86_64, [...thin, '-ffat-lto-objects'])]),
  elf('FatLTO in an archive', [archive(x86_64, { flags: [...thin, '-ffat-lto-objects'] })], ['--fat-lto-objects']),
  elf(
    'FatLTO in a thin archive',
    [archive(x86_64, { flags: [...thin, '-ffat-lto-objects'], ar: 'rcsT' })],
    ['--fat-lto-objects'],
  ),
  elf('FatLTO of full LTO', [core(x86_64, [...full, '-ffat-lto-objects'])], ['--fat-lto-objects']),
  elf('FatLTO beside bitcode', [mixed(x86_64, [thin, [...thin, '-ffat-lto-objects'], thin])], ['--fat-lto-objects']),
  elf('64 modules', [chain(x86_64, 64)]),
  elf('modules with next to nothing', [core(x86_64), nearlyEmpty(x86_64)], ['-u', 'only_asm', '-u', 'only_data']),
  elf('-O0 modules', [core(x86_64, ['-flto=thin', '-O0'])]),
  elf('-Oz modules', [core(x86_64, ['-flto=thin', '-Oz'])]),
  elf('modules of different levels', [
    mixed(x86_64, [
      ['-flto=thin', '-O0'],
      ['-flto=thin', '-O3'],
      ['-flto=thin', '-Os'],
    ]),
  ]),
  elf('stripped names in bitcode', [core(x86_64, [...thin, '-fdiscard-value-names'])]),
  library(category, 'weak and strong definitions in machine code and bitcode', x86_64, [
    elfOnly(x86_64, [...thin, '-fPIC']),
    {
      ...objects('native', x86_64, ['weak_strong.c', ...coreSources], ['-O2', '-fPIC', '-fcommon']),
      files: [...coreSources].map((s) => s.replace('.c', '.o')),
    },
  ]),
]

const folders = [
  'with space',
  'a(b)c',
  "it's",
  'say "hi"',
  'Ελληνικά',
  '🦄',
  'per%cent',
  'semi;colon',
  'back\\slash',
  'comma,equals=',
]
const odd = folders.flatMap((folder) => [
  elf(`objects in the folder ${folder}`, [oddPath(x86_64, folder, false)]),
  // llvm-ar takes a per cent sign in its output's name for a placeholder.
  ...(/[\\%]/.test(folder) ? [] : [elf(`archive in the folder ${folder}`, [oddPath(x86_64, folder, true)])]),
])

const quoted = '"core/start.o" core/math.o\n  core/table.o # not a comment\n'
const longArguments = Array.from(
  { length: 12_000 },
  (_, i) => `-Lfolder/that/is/not/there/but/has/a/long/name/to/fill/the/command/line/with/${i}`,
)
const nameless = (recipe: Recipe): Recipe => ({ ...recipe, files: [] })
const libraries = [
  program(category, 'a library function that code generation may not call', x86_64, [
    unextractedLibraryFunction(x86_64),
  ]),
]

const commandLines = [
  program(
    category,
    'response file',
    x86_64,
    [nameless(core(x86_64)), rt, text({ 'link.rsp': quoted.replace(' # not a comment', '') })],
    ['@extra/link.rsp'],
  ),
  program(
    category,
    'nested response files',
    x86_64,
    [
      nameless(core(x86_64)),
      rt,
      text({ 'outer.rsp': '@extra/inner.rsp --lto-O1', 'inner.rsp': 'core/start.o\ncore/math.o\ncore/table.o' }),
    ],
    ['@extra/outer.rsp'],
  ),
  program(
    category,
    'response file with Windows quoting',
    x86_64,
    [
      nameless(core(x86_64)),
      rt,
      text({ 'win.rsp': '"core\\start.o" core/math.o'.replace('\\', '/') + ' core/table.o' }),
    ],
    ['--rsp-quoting=windows', '@extra/win.rsp'],
  ),
  program(
    category,
    'response file of 2 MB',
    x86_64,
    [
      nameless(core(x86_64)),
      rt,
      text({ 'big.rsp': ['core/start.o core/math.o core/table.o', ...longArguments, ...longArguments].join('\n') }),
    ],
    ['@extra/big.rsp'],
  ),
  program(category, 'command line of 1 MB', x86_64, coreProgram(x86_64), longArguments),
  program(
    category,
    'COFF response file',
    coffX64,
    [nameless(core(coffX64)), runtime(coffX64), text({ 'link.rsp': '"core/start.o" core/math.o\r\ncore/table.o\r\n' })],
    ['@extra/link.rsp'],
  ),
]

export const inputCases: ParityCase[] = [...archives, ...kinds, ...odd, ...libraries, ...commandLines]
