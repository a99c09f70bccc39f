import { anyOrder } from '../comparators.js'
import { badAssembly, gone } from '../inputs/broken.js'
import { core, coreProgram, coreSources, objects, runtime, thin } from '../inputs/programs.js'
import { text } from '../inputs/text.js'
import { type ParityCase, program } from '../parity-case.js'
import { aarch64, coffX64, i386, wasm32, x86_64 } from '../targets.js'
import { refuse } from './errors.js'

const TOLD = 'a warning tells of the worker that LLVM ended, before the same end of this process'
/** clang crashes, too, over what it has said: whether before this process does, nobody knows. */
const CRASHES = 'a warning may tell of the clang that crashed, before the same end of this process'
/** LLVM ends the process: in a worker first, then here. */
const crashesWorker = { notIn: { isolate: TOLD, reapi: TOLD } }

/** Two modules have the error, and stock lld says so in the order in which they end. */
const inAnyOrder = { compare: { stderr: anyOrder } }

/** Errors that come from the backends, from ELF inputs and from bad values of ELF options. */

const category = 'errors'
const rt = runtime(x86_64)
const elf = [
  refuse(
    'inline assembly that does not assemble',
    x86_64,
    [badAssembly(x86_64), rt],
    [],
    /not_an_instruction/,
    inAnyOrder,
  ),
  refuse(
    'inline assembly that does not assemble',
    aarch64,
    [badAssembly(aarch64), runtime(aarch64)],
    [],
    /not_an_instruction/,
    inAnyOrder,
  ),
  refuse(
    'inline assembly that does not assemble',
    coffX64,
    [badAssembly(coffX64), runtime(coffX64)],
    [],
    /not_an_instruction/,
    inAnyOrder,
  ),
  refuse(
    'inline assembly that does not assemble',
    wasm32,
    [badAssembly(wasm32), runtime(wasm32)],
    [],
    /not_an_instruction/,
    inAnyOrder,
  ),
  refuse(
    'object of another machine',
    x86_64,
    [core(x86_64), { ...objects('other', i386, ['runtime.c'], ['-O2']) }],
    [],
    /incompatible/,
  ),
  refuse(
    'module of another machine',
    x86_64,
    [core(x86_64), objects('other', aarch64, ['runtime.c'])],
    [],
    /incompatible/,
  ),
  program(category, 'empty object', x86_64, [
    core(x86_64),
    { name: 'blank', files: ['blank.o'], steps: [{ write: 'blank.o', text: '' }] },
    rt,
  ]),
  refuse(
    'text in place of an object',
    x86_64,
    [core(x86_64), { name: 'prose', files: ['prose.o'], steps: [{ write: 'prose.o', text: 'int main()\n' }] }, rt],
    [],
    /prose/,
  ),
  refuse('folder in place of an object', x86_64, coreProgram(x86_64), ['core'], /core/),
  refuse('output that is a folder', x86_64, coreProgram(x86_64), [], /out/),
  refuse(
    'bad pass pipeline',
    x86_64,
    coreProgram(x86_64),
    ['--lto-newpm-passes=nonsense', '--thinlto-jobs=1'],
    /nonsense/,
    crashesWorker,
  ),
  refuse(
    'bad alias analyses',
    x86_64,
    coreProgram(x86_64),
    ['--lto-newpm-passes=default<O1>', '--lto-aa-pipeline=nonsense', '--thinlto-jobs=1'],
    /nonsense/,
    crashesWorker,
  ),
  refuse('missing sample profile', x86_64, coreProgram(x86_64), ['--lto-sample-profile=none.prof'], /none.prof/),
  refuse(
    'missing context-sensitive profile',
    x86_64,
    coreProgram(x86_64),
    ['--lto-cs-profile-file=none.profdata'],
    /none.profdata/,
  ),
  refuse(
    'missing list of basic blocks',
    x86_64,
    coreProgram(x86_64),
    ['--lto-basic-block-sections=none.list', '--thinlto-jobs=1'],
    /none.list/,
    { notIn: { ...crashesWorker.notIn, clang: CRASHES } },
  ),
  program(
    category,
    'odd list of basic blocks',
    x86_64,
    [...coreProgram(x86_64), text({ list: '!!9\nv7\n' })],
    ['--lto-basic-block-sections=extra/list'],
  ),
  refuse(
    'bad format of remarks',
    x86_64,
    coreProgram(x86_64),
    ['--opt-remarks-filename', 'r', '--opt-remarks-format', 'xml'],
    /xml/,
  ),
  refuse(
    'remarks in no directory',
    x86_64,
    coreProgram(x86_64),
    ['--opt-remarks-filename', 'no/such/r'],
    /No such file/,
  ),
  refuse('bad number of jobs', x86_64, coreProgram(x86_64), ['--thinlto-jobs=many'], /many/),
  refuse('bad number of partitions', x86_64, coreProgram(x86_64), ['--lto-partitions=0'], /partitions/),
  refuse('bad code-generation level', x86_64, coreProgram(x86_64), ['--lto-CGO7'], /7/),
  refuse(
    'bad cache policy',
    x86_64,
    coreProgram(x86_64),
    ['--thinlto-cache-dir=cache', '--thinlto-cache-policy=nonsense'],
    /nonsense/,
  ),
  refuse('bad kind of temporary files', x86_64, coreProgram(x86_64), ['--save-temps=nonsense'], /nonsense/),
  refuse('bad processor', x86_64, coreProgram(x86_64), ['--lto=nonsense'], /nonsense/),
  refuse(
    'missing pass plugin',
    x86_64,
    coreProgram(x86_64),
    ['--load-pass-plugin=none.so', '--thinlto-jobs=1'],
    /none.so/,
  ),
  refuse('missing response file', x86_64, coreProgram(x86_64), ['@none.rsp'], /none.rsp/),
  refuse('missing linker script', x86_64, coreProgram(x86_64), ['-T', 'none.ld'], /none.ld/),
  refuse('missing library', x86_64, coreProgram(x86_64), ['-lnone'], /none/),
  refuse('warnings are errors', x86_64, coreProgram(x86_64), ['-e', 'nothing', '--fatal-warnings'], /nothing/),
  refuse(
    'too many errors',
    x86_64,
    [{ ...core(x86_64), files: ['start.o'] }, rt],
    ['--error-limit=2', '--threads=1'],
    /too many errors/,
  ),
  refuse(
    'error in colour',
    x86_64,
    [{ ...core(x86_64), files: ['start.o'] }, rt],
    ['--color-diagnostics=always', '--threads=1'],
    /undefined/,
  ),
  refuse(
    'unified modules without a choice of full and thin',
    x86_64,
    [core(x86_64, [...thin, '-funified-lto']), objects('plain', x86_64, ['twins.c'])],
    ['--lto=thin'],
    /./,
  ),
  refuse(
    'split units beside whole ones',
    x86_64,
    [
      objects(
        'classes',
        x86_64,
        ['classes_main.cpp', 'classes_b.cpp', ...coreSources.slice(1)],
        [...thin, '-fwhole-program-vtables', '-fvisibility=hidden', '-fsplit-lto-unit'],
      ),
      objects(
        'whole',
        x86_64,
        ['classes_a.cpp'],
        [...thin, '-fwhole-program-vtables', '-fvisibility=hidden', '-fno-split-lto-unit'],
      ),
      rt,
    ],
    [],
    /inconsistent/,
  ),
  refuse('members of a thin archive gone', x86_64, [gone(), rt], [], /could not/),
  program(
    category,
    'undefined symbols as warnings',
    x86_64,
    [{ ...core(x86_64), files: ['start.o', 'math.o'] }, rt],
    ['--warn-unresolved-symbols', '--threads=1'],
    { says: /warning: undefined/ },
  ),
  program(
    category,
    'undefined symbols ignored',
    x86_64,
    [{ ...core(x86_64), files: ['start.o', 'math.o'] }, rt],
    ['--unresolved-symbols=ignore-all'],
  ),
  program(
    category,
    'duplicate symbols allowed',
    x86_64,
    [core(x86_64), objects('again', x86_64, ['math.c']), rt],
    ['--allow-multiple-definition'],
  ),
  program(
    category,
    '--noinhibit-exec',
    x86_64,
    [{ ...core(x86_64), files: ['start.o', 'math.o'] }, rt],
    ['--noinhibit-exec', '--threads=1'],
    { says: /warning/ },
  ),
  program(category, 'warning for a missing entry', x86_64, coreProgram(x86_64), ['-e', 'nothing'], { says: /nothing/ }),
]

export const elfErrorCases: ParityCase[] = elf.map((test) =>
  test.name.endsWith('output that is a folder')
    ? { ...test, links: [{ before: [{ mkdir: 'out' }], args: test.links[0]?.args ?? [] }] }
    : test,
)
