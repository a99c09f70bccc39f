import { anyOrder } from '../comparators.js'
import { core, coreProgram, runtime } from '../inputs/programs.js'
import { type CaseOptions, type Link, link, type ParityCase } from '../parity-case.js'
import type { Step } from '../recipe.js'
import { coffX64, machoArm64, type Target, wasm32, x86_64 } from '../targets.js'

/**
 * lld's ThinLTO cache: the entries are files whose names are keys, so stock lld and dtlto must make the same ones, and
 * each must hit the other's. A hit leaves an entry the same file; a miss replaces it.
 */

const category = 'cache'
const NEWEST = 'which entry is the newest depends on which job ends last'

const cacheOption: Readonly<Record<Target['flavour'], readonly string[]>> = {
  elf: ['--thinlto-cache-dir=cache'],
  mingw: ['--thinlto-cache-dir=cache'],
  coff: ['/lldltocache:cache'],
  macho: ['-cache_path_lto', 'cache'],
  wasm: ['--thinlto-cache-dir=cache'],
}

function args(target: Target, more: readonly string[] = []): string[] {
  const out = target.flavour === 'coff' ? ['/out:out'] : ['-o', 'out']
  return [...target.program, ...cacheOption[target.flavour], ...more, '$core', '$rt', ...out]
}

const cached = (name: string, target: Target, links: readonly Link[], options: CaseOptions = {}): ParityCase =>
  link(category, `${target.name} ${name}`, target, coreProgram(target), [], { links, ...options })

const onEvery = [x86_64, coffX64, machoArm64, wasm32].flatMap((target): ParityCase[] => {
  const cold: Link = { args: args(target) }
  const warm: Link = { ...cold, keeps: 'cache' }
  return [
    cached('cold', target, [cold]),
    cached('warm', target, [cold, warm]),
    cached('filled by the stock linker', target, [{ ...cold, stock: true }, warm]),
    cached('read by the stock linker', target, [cold, { ...warm, stock: true }]),
  ]
})

const elf = args(x86_64)
const cold: Link = { args: elf }
const warm: Link = { args: elf, keeps: 'cache' }
const changed: Step = [
  'clang',
  '--target=x86_64-unknown-linux-gnu',
  '-flto=thin',
  '-O1',
  '-ffreestanding',
  '-c',
  '@source/table.c',
  '-o',
  'core/table.o',
]
/** Something done to every entry: `*` is the shell's. */
const onEntries = (command: string): Step => ['sh', '-c', `for entry in cache/llvmcache-*; do ${command}; done`]

/** dtlto removes an entry that is no object and compiles again. */
const mended =
  'stock lld takes the damaged entry for the object, at every link until somebody removes it; dtlto mends it'

/** Stock lld refuses the link; its messages come in the order in which backends ended. */
const refused: CaseOptions = { fails: true, compare: { stderr: anyOrder } }

const elfCases = [
  cached(
    'read-only directory',
    x86_64,
    [{ args: elf, before: [{ mkdir: 'cache' }, { chmod: 'cache', mode: 0o555 }] }],
    {
      ...refused,
      ...(process.getuid?.() === 0 ? { unavailable: 'the superuser may write everywhere' } : {}),
    },
  ),
  cached('after one module changed', x86_64, [cold, { args: elf, before: [changed] }]),
  cached('with another option', x86_64, [cold, { args: args(x86_64, ['--lto-O1']) }]),
  cached('with another option, and back', x86_64, [cold, { args: args(x86_64, ['--lto-O1']) }, warm]),
  cached('entry removed', x86_64, [cold, { args: elf, before: [['sh', '-c', 'set -- cache/llvmcache-*; rm "$1"']] }]),
  cached('entries replaced by garbage', x86_64, [cold, { args: elf, before: [onEntries('echo garbage > "$entry"')] }], {
    ...refused,
    knownDifference: mended,
  }),
  cached('entries emptied', x86_64, [cold, { args: elf, before: [onEntries(': > "$entry"')] }], {
    knownDifference: mended,
  }),
  cached('entries truncated', x86_64, [cold, { args: elf, before: [onEntries('truncate -s 100 "$entry"')] }], {
    ...refused,
    knownDifference: mended,
  }),
  cached(
    'entries that cannot be read',
    x86_64,
    [cold, { args: elf, before: [onEntries('rm "$entry"; mkdir "$entry"')] }],
    refused,
  ),
  cached(
    'directory that is a file',
    x86_64,
    [{ args: elf, before: [{ write: 'cache', text: 'in the way\n' }] }],
    refused,
  ),
  cached('directory in a file', x86_64, [{ args: args(x86_64, ['--thinlto-cache-dir=core/math.o/cache']) }], refused),
  cached('directory made on the way', x86_64, [{ args: args(x86_64, ['--thinlto-cache-dir=a/b/c']) }]),
  cached('directory that is a link', x86_64, [
    { args: elf, before: [{ mkdir: 'elsewhere' }, ['ln', '-s', 'elsewhere', 'cache']] },
  ]),
  cached(
    'pruned to nothing',
    x86_64,
    [cold, { args: args(x86_64, ['--lto-O1', '--thinlto-cache-policy=prune_interval=0s:cache_size_files=1']) }],
    { notIn: { isolate: NEWEST, distcc: NEWEST, reapi: NEWEST } },
  ),
  cached('pruned by size', x86_64, [
    cold,
    { args: args(x86_64, ['--lto-O1', '--thinlto-cache-policy=prune_interval=0s:cache_size_bytes=1']) },
  ]),
  cached('pruned by age', x86_64, [
    cold,
    {
      args: args(x86_64, ['--lto-O1', '--thinlto-cache-policy=prune_interval=0s:prune_after=1h']),
      before: [onEntries('touch -d 2001-01-01 "$entry"')],
    },
  ]),
  cached('never pruned', x86_64, [
    cold,
    { args: args(x86_64, ['--thinlto-cache-policy=prune_after=0s:cache_size=0%']), keeps: 'cache' },
  ]),
  cached(
    'old files of other programs left alone',
    x86_64,
    [
      {
        args: args(x86_64, ['--thinlto-cache-policy=prune_interval=0s:cache_size_files=1']),
        before: [{ mkdir: 'cache' }, { write: 'cache/notes', text: 'mine\n' }],
      },
    ],
    { notIn: { clang: NEWEST, distcc: NEWEST, reapi: NEWEST, faulty: NEWEST } },
  ),
  cached('with index files', x86_64, [cold, { args: args(x86_64, ['--thinlto-emit-index-files']) }], {
    creates: ['out', 'core/math.o.thinlto.bc'],
  }),
  cached('with objects kept', x86_64, [cold, { args: args(x86_64, ['--lto-obj-path=obj']), keeps: 'cache' }], {
    creates: ['out', 'obj1'],
  }),
  cached('with temporary files kept', x86_64, [cold, { args: args(x86_64, ['--save-temps']) }], {
    creates: ['out', 'out.resolution.txt'],
  }),
  cached('with emitted assembly', x86_64, [{ args: args(x86_64, ['--lto-emit-asm']) }], { creates: [] }),
  cached('with remarks, cold then warm', x86_64, [
    { args: args(x86_64, ['--opt-remarks-filename', 'r']) },
    { args: args(x86_64, ['--opt-remarks-filename', 'r']), keeps: 'cache' },
  ]),
  cached('with a map', x86_64, [cold, { args: args(x86_64, ['-Map=out.map']), keeps: 'cache' }], {
    creates: ['out', 'out.map'],
  }),
  link(
    category,
    'modules with split DWARF',
    x86_64,
    [core(x86_64, ['-flto=thin', '-O2', '-g', '-gsplit-dwarf']), runtime(x86_64)],
    [],
    {
      links: [
        { args: args(x86_64, ['-plugin-opt=dwo_dir=dwo']) },
        { args: args(x86_64, ['-plugin-opt=dwo_dir=dwo']), keeps: 'cache', before: [['rm', '-r', 'dwo']] },
      ],
    },
  ),
]

export const cacheCases: ParityCase[] = [...onEvery, ...elfCases]
