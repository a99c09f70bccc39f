import { coreProgram, cxxProgram, debug, objects, plainIr, thin } from '../inputs/programs.js'
import { ignoring, present, tracePhases } from '../comparators.js'
import { llvmMajor } from '../environment.js'
import { text } from '../inputs/text.js'
import { type CaseOptions, link, option, type ParityCase, printsInOrder, program, variant } from '../parity-case.js'
import { aarch64, riscv64, x86_64 } from '../targets.js'

/** ELF options of LTO that reach the backends. */

const category = 'elf lto'
const coreBase = program(category, 'core', x86_64, coreProgram(x86_64))
const cxxBase = program(category, 'cxx', x86_64, cxxProgram(x86_64))
const plain = program(category, 'plain IR', x86_64, [plainIr])
const bare = (...more: string[]): ParityCase => variant(plain, more)
const one = (...more: string[]): ParityCase => variant(cxxBase, more)
const same = (...more: string[]): ParityCase => variant(cxxBase, more, { effect: 'none' })
const making = (more: string[], creates: string[], options: CaseOptions = {}): ParityCase =>
  variant(coreBase, more, { creates: ['out', ...creates], ...options })

const modules = ['start', 'math', 'table']
const temps = (...kinds: string[]): string[] => modules.flatMap((name) => kinds.map((kind) => `core/${name}.o.${kind}`))

const timings = ignoring(/\d+\.\d+/g, / +/g, /-{2,}/g)

const levels = [
  ...['--lto-O0', '--lto-O1', '--lto-CGO0'].flatMap((level) => [bare(level), one(level)]),
  one('--lto-O3', '--lto-CGO0'),
  one('--lto-O0', '--lto-CGO3'),
  same('--lto-O3'),
  same('--lto-CGO1'),
  same('--lto-CGO3'),
  same('--lto-O2'),
  same('--lto-CGO2'),
]

const mllvm = [
  one('-mllvm', '-inline-threshold=0'),
  one('-mllvm', '-import-instr-limit=0'),
  same('-mllvm', '-import-instr-limit=1000'),
  one('-mllvm', '-code-model=large'),
  one('-mllvm', '-relocation-model=pic'),
  one('-mllvm', '-align-all-functions=6'),
  bare('-mllvm', '-mcpu=haswell'),
  bare('-mllvm', '-mattr=+avx2'),
  same('-mllvm', '-frame-pointer=all'),
  one('-mllvm', '-enable-machine-outliner=always'),
  same('-mllvm', '-function-sections=0'),
  same('-mllvm', '-data-sections=0'),
  same('-mllvm', '-unique-section-names=0'),
  one('-mllvm', '-jump-table-density=90', '-mllvm', '-min-jump-table-entries=20'),
  one('-mllvm', '-enable-ext-tsp-block-placement'),
  bare('-mllvm', '-mcpu=skylake', '--lto-O3'),
  bare('-mllvm', '-mattr=+popcnt,+fma'),
  one('-mllvm', '-emulated-tls', '-mllvm', '-tail-merge-threshold=0', '-mllvm', '-inline-threshold=1'),
  one('-mllvm', '-propagate-attrs=false'),
  same('-mllvm', '-compute-dead=false'),
  one('-mllvm', '-force-import-all'),
  one('-mllvm', '-import-constants-with-refs=false'),
  same('-mllvm', '-addrsig=0'),
  one('--mllvm=-basic-block-sections=all'),
]

/** Options that LLVM 22 does not have. */
const sinceLlvm23 =
  llvmMajor < 23
    ? []
    : [
        one('-mllvm', '-always-rename-promoted-locals=false', '--lto-whole-program-visibility'),
        making(
          [
            '-mllvm',
            '-always-rename-promoted-locals=false',
            '--lto-whole-program-visibility',
            '--thinlto-emit-index-files',
          ],
          temps('thinlto.bc'),
        ),
      ]

const pluginOptions = [
  one('-plugin-opt=O1'),
  bare('-plugin-opt=mcpu=skylake'),
  one('-plugin-opt=-inline-threshold=0'),
  one('-plugin-opt=-code-model=medium'),
  same('-plugin-opt=-function-sections=0'),
  one('-plugin-opt=-align-all-nofallthru-blocks=4'),
  bare('-plugin-opt=disable-verify', '-plugin-opt=O1'),
  variant(cxxBase, ['-plugin-opt=debug-pass-manager', '-plugin-opt=jobs=1'], printsInOrder),
  variant(cxxBase, ['-plugin-opt=-pass-remarks=inline', '-plugin-opt=jobs=1'], printsInOrder),
  same('-plugin-opt=disable-verify'),
  same('-plugin-opt=jobs=2'),
  same('-plugin=LLVMgold.so'),
]

const pipelines = [
  one('--lto-newpm-passes=globaldce'),
  one('--lto-newpm-passes=default<O1>'),
  one('--lto-newpm-passes=function(instcombine,simplifycfg)', '--lto-aa-pipeline=basic-aa'),
  variant(cxxBase, ['--lto-debug-pass-manager', '--thinlto-jobs=1'], printsInOrder),
  one('--lto-basic-block-sections=all'),
  one('--lto-basic-block-sections=all', '--lto-unique-basic-block-section-names'),
  one('--lto-basic-block-address-map'),
  ...['!plain_dot\n!!0\n!!1\n!plain_step\n', 'v1\nf plain_dot\nc 0 2\nc 1\n'].map((blocks, version) =>
    variant(program(category, `basic blocks (version ${version})`, x86_64, [plainIr, text({ blocks })]), [
      '--lto-basic-block-sections=extra/blocks',
    ]),
  ),
  same('--lto-whole-program-visibility'),
  same('--lto-validate-all-vtables-have-type-infos'),
  same('--lto-partitions=3'),
  same('--thinlto-jobs=1'),
  same('--thinlto-jobs=all'),
  same('--disable-verify'),
]

const yaml = ['--opt-remarks-filename', 'r.yaml', '--opt-remarks-format', 'yaml']

const files = [
  making(['--save-temps'], ['out.resolution.txt', ...temps('0.preopt.bc', '5.precodegen.bc')]),
  making(['--save-temps=resolution'], ['out.resolution.txt']),
  making(['--save-temps=preopt'], temps('0.preopt.bc')),
  making(['--save-temps=promote'], temps('1.promote.bc')),
  making(['--save-temps=internalize'], temps('2.internalize.bc')),
  making(['--save-temps=import'], temps('3.import.bc')),
  making(['--save-temps=opt'], temps('4.opt.bc')),
  making(['--save-temps=precodegen'], temps('5.precodegen.bc')),
  making(['--save-temps=prelink'], ['core/out.lto.math.o']),
  making(['--save-temps=combinedindex'], ['out.index.bc', 'out.index.dot']),
  making(['--save-temps=prelink', '--save-temps=resolution'], ['out.resolution.txt']),
  making(['-plugin-opt=save-temps'], ['out.resolution.txt']),
  making(['--lto-obj-path=obj'], ['obj1', 'obj2', 'obj3']),
  making(['-plugin-opt=obj-path=dir.o'], ['dir.o1']),
  making(['--thinlto-single-module=core/math.o', '--lto-obj-path=obj', '-r'], ['obj', 'obj1'], {
    creates: ['obj', 'obj1'],
  }),
  making(['--thinlto-emit-index-files'], temps('thinlto.bc')),
  making(['--thinlto-emit-index-files', '--thinlto-emit-imports-files'], temps('thinlto.bc', 'imports')),
  making(['--thinlto-index-only'], temps('thinlto.bc'), { creates: temps('thinlto.bc') }),
  making(['--thinlto-index-only=out.list', '--thinlto-emit-imports-files'], [], {
    creates: ['out.list', ...temps('imports')],
  }),
  making(['--thinlto-index-only', '--thinlto-prefix-replace=core/;idx/'], [], { creates: ['idx/math.o.thinlto.bc'] }),
  making(['--thinlto-index-only', '--thinlto-object-suffix-replace=.o;.obj'], [], { creates: [] }),
  making(['--lto-emit-asm'], [], { creates: ['core/out.lto.math.s'] }),
  making(['--plugin-opt=emit-asm'], [], { creates: ['core/out.lto.math.s'] }),
  making([...yaml], ['r.yaml.thin.1.yaml']),
  making(['--opt-remarks-filename', 'r'], ['r.thin.1.']),
  making([...yaml, '--opt-remarks-passes', 'inline'], ['r.yaml.thin.1.yaml']),
  making(['--opt-remarks-filename', 'r', '--opt-remarks-format', 'bitstream'], ['r.thin.1.bitstream']),
  making([...yaml, '--opt-remarks-with-hotness'], ['r.yaml.thin.1.yaml']),
  making([...yaml, '--opt-remarks-hotness-threshold=100'], ['r.yaml.thin.1.yaml']),
  making(['-plugin-opt=stats-file=out.stats'], ['out.stats'], { compare: { 'out\\.stats': timings } }),
  making(['--time-trace=out.trace', '--time-trace-granularity=0'], ['out.trace'], {
    compare: { 'out\\.trace': tracePhases },
  }),
  making(['-mllvm', '-stats'], [], { effect: 'none' }),
  making(
    ['-mllvm', '-print-changed=quiet', '-mllvm', '-filter-print-funcs=twice', '--thinlto-jobs=1'],
    [],
    printsInOrder,
  ),
  making(['-Map=out.map', '--lto-obj-path=obj'], ['out.map']),
  making(['--reproduce=repro.tar', '--lto-O1'], ['repro.tar']),
  making(['--dependency-file=out.d', '--lto-O1'], ['out.d']),
]

const splitFlags = [...debug, '-gsplit-dwarf']
const split = [
  variant(program(category, 'split DWARF', x86_64, cxxProgram(x86_64, splitFlags)), ['-plugin-opt=dwo_dir=dwo'], {
    creates: ['out', 'dwo/1.dwo'],
  }),
  variant(
    program(category, 'split DWARF', x86_64, cxxProgram(x86_64, splitFlags)),
    ['-plugin-opt=dwo_dir=dwo', '--gdb-index'],
    {
      creates: ['out', 'dwo/1.dwo'],
    },
  ),
  program(category, 'split DWARF on aarch64', aarch64, cxxProgram(aarch64, splitFlags), ['-plugin-opt=dwo_dir=a/b'], {
    creates: ['out', 'a/b/1.dwo'],
  }),
]

const others = [
  program(category, 'pass timings', x86_64, coreProgram(x86_64), ['-mllvm', '-time-passes'], {
    says: /Pass execution timing report/,
    compare: { stderr: present },
  }),
  option(category, aarch64, cxxProgram(aarch64), ['--lto-O3', '-mllvm', '-mcpu=neoverse-n1']),
  option(category, aarch64, cxxProgram(aarch64), ['--lto-O1', '-mllvm', '-mattr=+lse']),
  option(category, aarch64, cxxProgram(aarch64), ['-mllvm', '-enable-machine-outliner=always']),
  option(category, aarch64, cxxProgram(aarch64, [...thin, '-mbranch-protection=standard']), ['-z', 'pac-plt']),
  program(
    category,
    'aarch64 stack tagging',
    aarch64,
    cxxProgram(aarch64, [...thin, '-march=armv8.5-a+memtag', '-fsanitize=memtag-stack']),
    // As LLVM 23 calls them.
    llvmMajor < 23
      ? ['--android-memtag-mode=sync', '--android-memtag-stack']
      : ['-z', 'memtag-mode=sync', '-z', 'memtag-stack'],
  ),
  option(category, riscv64, cxxProgram(riscv64), ['--lto-O3', '--relax']),
  option(category, riscv64, cxxProgram(riscv64), ['-mllvm', '-mattr=+zba,+zbb']),
  option(category, riscv64, cxxProgram(riscv64), ['--no-relax']),
  link(
    category,
    'emitted LLVM IR of one module',
    x86_64,
    [objects('one', x86_64, ['math.c'])],
    ['-shared', '-o', 'out', '--lto-emit-llvm'],
  ),
]

export const elfLtoCases: ParityCase[] = [
  ...levels,
  ...mllvm,
  ...sinceLlvm23,
  ...pluginOptions,
  ...pipelines,
  ...files,
  ...split,
  ...others,
]
