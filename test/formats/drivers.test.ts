/** Compiler drivers find our programs as docs/formats.md says, for every format, and the links are stock lld's. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import {
  CLANG,
  compile,
  DTLTO_BIN,
  inTemporaryDirectory,
  LLVM_BIN,
  must,
  run,
  SMALL_PROGRAM,
} from '../link/toolchain.js'

const env = { PATH: `${DTLTO_BIN}${delimiter}${process.env['PATH'] ?? ''}` }
const bin = (program: string): string => join(DTLTO_BIN, program)

/** Three modules without a C library: what can be linked for every format without its SDK. */
const BARE = {
  'entry.c': 'int twice(int);\nint add(int, int);\nint entry(void) { return add(twice(20), 2); }\n',
  'twice.c': SMALL_PROGRAM['twice.c'],
  'add.c': SMALL_PROGRAM['add.c'],
}

interface Format {
  readonly name: string
  readonly target: string
  /** Arguments of every link: no C library, our entry point, no time stamp. */
  readonly link: readonly string[]
  /** Ways to name dtlto to the driver. */
  readonly spellings: readonly (readonly string[])[]
  /** Start this program of ours from a script with stock lld's name, in the directory `linkers`. */
  readonly script?: readonly [name: string, program: string]
  /** `-flto=thin` on the link line is refused by the driver for a linker that is not called lld. */
  readonly linkWithoutLto?: true
  readonly trace: string
}

const TRACE = '-Wl,--distribute=local,--distribute-trace=trace.json'

const FORMATS: readonly Format[] = [
  ...['x86_64', 'aarch64', 'riscv64', 'armv7', 'loongarch64'].map((cpu) => ({
    name: `ELF ${cpu}`,
    target: `${cpu}-linux-gnu${cpu === 'armv7' ? 'eabihf' : ''}`,
    link: ['-nostdlib', '-Wl,-e,entry'],
    spellings: [['-fuse-ld=dtlto'], ['-fuse-ld=lld', '--ld-path=ld.dtlto'], [`--ld-path=${bin('ld.dtlto')}`]],
    trace: TRACE,
  })),
  {
    name: 'MinGW',
    target: 'x86_64-w64-mingw32',
    link: ['-nostdlib', '-Wl,-e,entry', '-Wl,--no-insert-timestamp'],
    spellings: [['-fuse-ld=dtlto'], ['-fuse-ld=lld', '--ld-path=ld.dtlto'], [`--ld-path=${bin('ld.dtlto')}`]],
    trace: TRACE,
  },
  ...['x86_64', 'arm64'].map((cpu) => ({
    name: `Mach-O ${cpu}`,
    target: `${cpu}-apple-macos12`,
    link: ['-nostdlib', '-Wl,-e,_entry'],
    spellings: [
      ['-fuse-ld=lld', '--ld-path=ld64.dtlto'],
      ['-fuse-ld=dtlto', '-mlinker-version=705'],
    ],
    trace: TRACE,
  })),
  {
    name: 'COFF',
    target: 'x86_64-pc-windows-msvc',
    link: ['-nostdlib', '-Xlinker', '/entry:entry', '-Xlinker', '/subsystem:console', '-Wl,/Brepro'],
    spellings: [['-fuse-ld=dtlto-link']],
    linkWithoutLto: true,
    trace: '-Wl,/distribute:local,/distribute-trace:trace.json',
  },
  {
    name: 'COFF, by a script lld-link that starts dtlto-link',
    target: 'x86_64-pc-windows-msvc',
    link: ['-nostdlib', '-Xlinker', '/entry:entry', '-Xlinker', '/subsystem:console', '-Wl,/Brepro'],
    spellings: [['-fuse-ld=lld', '-Blinkers']],
    script: ['lld-link', 'dtlto-link'],
    trace: '-Wl,/distribute:local,/distribute-trace:trace.json',
  },
  {
    name: 'Wasm',
    target: 'wasm32-unknown-unknown',
    link: ['-nostdlib', '-Wl,--no-entry', '-Wl,--export=entry'],
    spellings: [[`-fuse-ld=${bin('wasm-ld.dtlto')}`], ['-fuse-ld=lld', '-Blinkers']],
    script: ['wasm-ld', 'wasm-ld.dtlto'],
    trace: TRACE,
  },
]

describe('clang finds dtlto', () => {
  for (const format of FORMATS) {
    for (const spelling of format.spellings) {
      it(`${format.name}: ${spelling.join(' ').replace(DTLTO_BIN, '…/')}`, () =>
        inTemporaryDirectory((directory) => {
          const target = `--target=${format.target}`
          const objects = compile(directory, BARE, [target])
          if (format.script !== undefined) writeScript(directory, ...format.script)
          const link = (options: readonly string[]): Buffer => {
            rmSync(join(directory, 'out.exe'), { force: true })
            must(CLANG, [target, '-O2', ...options, ...format.link, ...objects, '-o', 'out.exe'], {
              cwd: directory,
              env,
            })
            return readFileSync(join(directory, 'out.exe'))
          }
          const lto = format.linkWithoutLto ? [] : ['-flto=thin']
          const stock = link([...lto, '-fuse-ld=lld'])
          const dtlto = link([...lto, ...spelling, format.trace])
          assert.ok(existsSync(join(directory, 'trace.json')), 'the linker was not dtlto')
          assert.ok(dtlto.equals(stock), 'the output differs')
        }))
    }
  }

  it('COFF: clang-cl -fuse-ld=dtlto-link … /link /distribute:local', () =>
    inTemporaryDirectory((directory) => {
      const objects = compile(directory, BARE, ['--target=x86_64-pc-windows-msvc'])
      const link = (linker: string, ...own: string[]): Buffer => {
        const options = ['/entry:entry', '/subsystem:console', '/Brepro', '/nodefaultlib']
        const args = [linker, ...objects, '/Feout.exe', '/link', ...options, ...own]
        must(join(LLVM_BIN, 'clang-cl'), ['--target=x86_64-pc-windows-msvc', ...args], { cwd: directory, env })
        return readFileSync(join(directory, 'out.exe'))
      }
      const stock = link('-fuse-ld=lld')
      const dtlto = link('-fuse-ld=dtlto-link', '/distribute:local', '/distribute-trace:trace.json')
      assert.ok(existsSync(join(directory, 'trace.json')), 'the linker was not dtlto')
      assert.ok(dtlto.equals(stock), 'the output differs')
    }))

  it('COFF: clang-cl -flto=thin compiles and links by one command, with a script lld-link', () =>
    inTemporaryDirectory((directory) => {
      compile(directory, BARE, ['--target=x86_64-pc-windows-msvc'])
      writeScript(directory, 'lld-link', 'dtlto-link')
      const options = ['/entry:entry', '/subsystem:console', '/nodefaultlib', '/distribute-trace:trace.json']
      const args = ['-flto=thin', '/O2', '-fuse-ld=lld', `/clang:-B${join(directory, 'linkers')}`]
      const files = ['entry.c', 'twice.o', 'add.o', '/Feout.exe']
      const all = ['--target=x86_64-pc-windows-msvc', ...args, ...files, '/link', ...options]
      must(join(LLVM_BIN, 'clang-cl'), all, { cwd: directory, env })
      assert.ok(existsSync(join(directory, 'trace.json')), 'the linker was not dtlto')
    }))
})

/** What docs/formats.md warns of. When a clang does better, the page can say so. */
describe('clang treats a linker that is not called lld in its own way', () => {
  const commandLine = (target: string, args: readonly string[]): string =>
    inLinkCommand(['-O2', '-flto=thin', `--target=${target}`, ...args])

  it('ELF: no ThinLTO of FatLTO objects without -fuse-ld=lld or -Wl,--fat-lto-objects', () =>
    inTemporaryDirectory((directory) => {
      const objects = compile(directory, BARE, ['-ffat-lto-objects'])
      const jobs = (...linker: string[]): boolean => {
        const args = ['-flto=thin', '-ffat-lto-objects', ...linker, '-Wl,--distribute-trace=trace.json']
        must(CLANG, [...args, '-nostdlib', '-Wl,-e,entry', ...objects, '-o', 'out'], { cwd: directory, env })
        // The trace has the command line, too.
        const trace = JSON.parse(readFileSync(join(directory, 'trace.json'), 'utf8')) as {
          readonly traceEvents: readonly { readonly name: string }[]
        }
        return trace.traceEvents.some(({ name }) => name.includes('twice.o'))
      }
      assert.equal(jobs('-fuse-ld=dtlto'), false)
      assert.equal(jobs('-fuse-ld=dtlto', '-Wl,--fat-lto-objects'), true)
      assert.equal(jobs('-fuse-ld=lld', '--ld-path=ld.dtlto'), true)
    }))

  it('MinGW: compiling and linking by one command needs -fuse-ld=lld', () =>
    inTemporaryDirectory((directory) => {
      const [entry] = Object.keys(BARE)
      compile(directory, BARE, ['--target=x86_64-w64-mingw32'])
      const args = ['--target=x86_64-w64-mingw32', '-flto=thin', entry as string, 'twice.o', 'add.o', '-nostdlib']
      const link = (...more: string[]) =>
        run(CLANG, [...args, '-Wl,-e,entry', ...more, '-o', 'out.exe'], { cwd: directory, env })
      assert.match(link('-fuse-ld=dtlto').stderr, /unable to pass LLVM bit-code files to linker/)
      assert.equal(link('-fuse-ld=lld', '--ld-path=ld.dtlto').exitCode, 0)
    }))

  it('Mach-O: no -platform_version without -fuse-ld=lld or -mlinker-version', () => {
    assert.match(commandLine('arm64-apple-macos12', ['-fuse-ld=dtlto']), /ld64\.dtlto" .*"-macosx_version_min"/)
    assert.match(
      commandLine('arm64-apple-macos12', ['-fuse-ld=lld', '--ld-path=ld64.dtlto']),
      /ld64\.dtlto" .*"-platform_version"/,
    )
  })

  it('COFF: no -flto when linking, and no --ld-path', () => {
    assert.match(commandLine('x86_64-pc-windows-msvc', ['-fuse-ld=dtlto-link']), /LTO requires -fuse-ld=lld/)
    assert.match(commandLine('x86_64-pc-windows-msvc', ['-fuse-ld=lld', '--ld-path=dtlto-link']), /unused.*--ld-path/)
  })

  it('Wasm: no --ld-path, and -fuse-ld= takes a path only', () => {
    assert.match(commandLine('wasm32-unknown-unknown', ['--ld-path=wasm-ld.dtlto']), /unused.*--ld-path/)
    assert.match(commandLine('wasm32-unknown-unknown', ['-fuse-ld=dtlto']), /invalid linker name/)
  })
})

/** `linkers/NAME`, which starts a program of ours. */
function writeScript(directory: string, name: string, program: string): void {
  mkdirSync(join(directory, 'linkers'))
  const text = `#!/bin/sh\nexec '${bin(program)}' "$@"\n`
  writeFileSync(join(directory, 'linkers', name), text, { mode: 0o755 })
}

/** What clang would run, and says, for a link of an object. */
function inLinkCommand(args: readonly string[]): string {
  return run(CLANG, [...args, '-###', '/dev/null'], { cwd: '/', env }).stderr
}
