import {
  core,
  coreProgram,
  coreSources,
  cxx,
  cxxProgram,
  debug,
  elfOnly,
  objects,
  runtime,
  thin,
} from '../inputs/programs.js'
import { text } from '../inputs/text.js'
import { library, link, option, type ParityCase, program, variant } from '../parity-case.js'
import { aarch64, x86_64 } from '../targets.js'

/** Kinds of ELF outputs, and options that matter to symbol resolution, layout and what the link prints. */

const category = 'elf output'
const pic = [...thin, '-fPIC']
const libraryInputs = [elfOnly(x86_64, pic), core(x86_64, pic), runtime(x86_64)]
const sections = [...thin, '-ffunction-sections', '-fdata-sections']

const versionScript = 'V1 { global: entry; mix; elf_*; local: *; };\nV2 { global: twice; } V1;\n'
const linkerScript = `ENTRY(entry)
SECTIONS {
  . = 0x400000 + SIZEOF_HEADERS;
  .rodata : { *(.rodata*) }
  . = ALIGN(0x1000);
  .text : { *(.text.entry) *(.text*) }
  . = ALIGN(0x1000);
  .data : { data_begin = .; *(.data*) data_end = .; }
  .bss : { *(.bss*) *(COMMON) }
}
`

const simple = (...more: string[]): ParityCase => option(category, x86_64, coreProgram(x86_64), more)
const withSections = (more: string[], creates = ['out']): ParityCase =>
  option(category, x86_64, cxxProgram(x86_64, sections), more, { creates })
const shared = (name: string, more: string[], extra: Readonly<Record<string, string>> = {}): ParityCase =>
  library(category, name, x86_64, [...libraryInputs, text(extra)], more)

const dynamic = program(category, 'pie', x86_64, [cxx(x86_64, pic), runtime(x86_64)], ['-pie', '-z', 'norelro'])
const ofPie = (...more: string[]): ParityCase => variant(dynamic, more)
const ineffective = (...more: string[]): ParityCase =>
  option(category, x86_64, coreProgram(x86_64), more, { effect: 'none' })

export const elfOutputCases: ParityCase[] = [
  program(category, 'position-independent executable', x86_64, [core(x86_64, pic), runtime(x86_64)], ['-pie']),
  program(category, 'executable of -fno-pic modules', x86_64, coreProgram(x86_64, [...thin, '-fno-pic']), ['-no-pie']),
  program(
    category,
    'static-pie',
    x86_64,
    [core(x86_64, pic), runtime(x86_64)],
    ['-static', '-pie', '--no-dynamic-linker', '-z', 'text'],
  ),
  program(category, 'aarch64 pie', aarch64, [core(aarch64, pic), runtime(aarch64)], ['-pie']),
  link(category, 'relocatable', x86_64, coreProgram(x86_64), ['-r', '-o', 'out']),
  link(category, 'relocatable of C++ modules', x86_64, cxxProgram(x86_64, sections), ['-r', '-o', 'out']),
  program(category, 'relocations kept', x86_64, coreProgram(x86_64), ['--emit-relocs']),
  program(category, 'raw binary', x86_64, coreProgram(x86_64), ['--oformat=binary', '--image-base=0']),
  shared('version script', ['--version-script=extra/v.map'], { 'v.map': versionScript }),
  shared('dynamic list', ['--dynamic-list=extra/list'], { list: '{ entry; mix; };\n' }),
  shared('-Bsymbolic', ['-Bsymbolic']),
  shared('-Bsymbolic-functions', ['-Bsymbolic-functions']),
  shared('--exclude-libs', ['--exclude-libs=ALL']),
  shared('soname and rpath', ['-soname=libparity.so.1', '-rpath=$ORIGIN']),
  shared('-z defs', ['-z', 'defs', '--defsym=__tls_get_addr=0']),
  shared('symbol versions in an alias', ['--defsym=other=mix']),
  shared('packed relative relocations', ['-z', 'pack-relative-relocs']),
  program(category, 'program that exports its symbols', x86_64, coreProgram(x86_64, pic), ['-pie', '--export-dynamic']),
  program(category, '--wrap', x86_64, coreProgram(x86_64), ['--wrap=mix', '--defsym=__wrap_mix=twice']),
  program(category, '--defsym over an LTO symbol', x86_64, coreProgram(x86_64), ['--defsym=lookup=twice']),
  program(
    category,
    'linker script',
    x86_64,
    [...coreProgram(x86_64), text({ 'parity.ld': linkerScript })],
    ['-T', 'extra/parity.ld'],
  ),
  program(
    category,
    'symbol order',
    x86_64,
    [...cxxProgram(x86_64, sections), text({ order: 'mix\nlookup\nentry\n' })],
    ['--symbol-ordering-file=extra/order'],
  ),
  program(
    category,
    'retained symbols',
    x86_64,
    [...cxxProgram(x86_64, sections), text({ keep: 'mix\n' })],
    ['--gc-sections', '--retain-symbols-file=extra/keep'],
  ),
  withSections(['--gc-sections']),
  withSections(['--gc-sections', '--print-gc-sections']),
  variant(
    library(category, 'twins', x86_64, [objects('twins', x86_64, ['twins.c', ...coreSources], [...sections, '-fPIC'])]),
    ['--icf=all'],
  ),
  withSections(['--icf=safe', '--print-icf-sections']),
  withSections(['--gc-sections', '--icf=all', '--keep-unique=mix']),
  withSections(['-Map=out.map'], ['out', 'out.map']),
  withSections(['-Map=out.map', '--gc-sections', '--cref'], ['out', 'out.map']),
  withSections(['--print-map']),
  withSections(['--cref']),
  withSections(['--why-live=mix', '--gc-sections']),
  withSections(['--shuffle-sections=*=1']),
  withSections(['--randomize-section-padding=7']),
  withSections(['--bp-compression-sort=both', '--verbose-bp-section-orderer']),
  withSections(['--unique']),
  ofPie('-z', 'relro', '-z', 'now'),
  simple('-z', 'separate-code'),
  ineffective('-z', 'noseparate-code'),
  simple('-z', 'execstack'),
  simple('-z', 'max-page-size=65536'),
  ineffective('-z', 'keep-text-section-prefix'),
  ineffective('-z', 'start-stop-gc'),
  simple('--build-id=sha1'),
  simple('--build-id=fast'),
  simple('--build-id=0x1234abcd'),
  simple('-t'),
  simple('--trace-symbol=mix'),
  simple('--verbose'),
  simple('--strip-all'),
  simple('--image-base=0x600000'),
  simple('-Ttext=0x500000', '-Tdata=0x700000'),
  simple('--no-rosegment'),
  simple('-N'),
  simple('-u', 'unused_chain'),
  simple('--undefined-glob=unused*'),
  ofPie('--export-dynamic-symbol=mix'),
  simple('-O0'),
  simple('-O2'),
  simple('--discard-all'),
  ineffective('--color-diagnostics=always'),
  ineffective('--threads=1'),
  ineffective('--eh-frame-hdr'),
  variant(library(category, 'shared library', x86_64, libraryInputs), ['--hash-style=sysv']),
  simple('--dependency-file=out.d'),
  ofPie('--pack-dyn-relocs=relr'),
  ineffective('--warn-common'),
  ineffective('--warn-backrefs'),
  simple('--print-archive-stats=out.stats'),
  simple('--reproduce=out.tar'),
  simple('--section-start=.data=0x900000'),
  option(category, x86_64, cxxProgram(x86_64, debug), ['--gdb-index']),
  option(category, x86_64, cxxProgram(x86_64, [...debug, '-gpubnames']), ['--debug-names']),
  option(category, x86_64, cxxProgram(x86_64, debug), ['--strip-debug']),
  option(category, x86_64, cxxProgram(x86_64, debug), ['--compress-debug-sections=zlib']),
  option(category, x86_64, cxxProgram(x86_64, debug), ['--compress-debug-sections=zlib', '-O2']),
  option(category, x86_64, cxxProgram(x86_64, debug), ['--compress-debug-sections=zstd']),
  option(category, x86_64, cxxProgram(x86_64, debug), ['--compress-sections=.debug_str=zlib:9']),
  option(category, x86_64, cxxProgram(x86_64, debug), ['-O2'], { name: 'x86-64 -O2 with debug information' }),
  option(category, aarch64, [cxx(aarch64, debug), runtime(aarch64)], ['-z', 'force-bti']),
]
