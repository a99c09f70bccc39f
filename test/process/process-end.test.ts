import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  compile,
  DTLTO,
  inTemporaryDirectory,
  LLVM_BIN,
  must,
  type Ran,
  run,
  SMALL_PROGRAM,
  STOCK,
} from '../link/toolchain.js'

const LINK = ['-shared', '-o', 'out.so', 'main.o', 'twice.o', 'add.o', '--thinlto-jobs=1']

/** Both linkers, through a shell that can break their streams: what came out, and the shell's word for how they ended. */
function both(cwd: string, args: readonly string[], shell = '"$@"'): { readonly stock: Ran; readonly dtlto: Ran } {
  const link = (linker: string, own: readonly string[]): Ran =>
    run('bash', ['-c', shell, 'bash', linker, ...args, ...own], {
      cwd,
      env: { LLVM_DISABLE_SYMBOLIZATION: '1' },
    })
  return { stock: link(STOCK, []), dtlto: link(DTLTO, ['--distribute=local']) }
}

/** Times and sizes differ from run to run, and which columns are all zero, and so left out. */
function timers(text: string): { readonly names: readonly string[]; readonly hasMemory: boolean } {
  const lines = text.split('\n').filter((line) => !line.includes('---'))
  const names = lines.map(
    (line) =>
      /[A-Za-z][^%]*$/
        .exec(line)?.[0]
        .replace(/ #\d+$/, '')
        .replaceAll(/\d+\.\d+/g, 'N') ?? '',
  )
  return { names: [...new Set(names)].sort(), hasMemory: /---Mem---/.test(text) }
}

describe('the end of a link', () => {
  for (const options of [['-time-passes'], ['-time-passes', '-track-memory'], ['-print-debug-counter'], ['-stats']]) {
    test(`prints what LLVM prints at its end: ${options.join(' ')}`, () =>
      inTemporaryDirectory((cwd) => {
        compile(cwd, SMALL_PROGRAM)
        const { stock, dtlto } = both(cwd, [...LINK, ...options.flatMap((option) => ['-mllvm', option])])
        assert.equal(stock.exitCode, 0)
        assert.ok(stock.stderr.length > 500 || options.includes('-stats'), stock.stderr)
        assert.deepEqual(timers(dtlto.stderr), timers(stock.stderr))
        assert.deepEqual([dtlto.exitCode, dtlto.stdout], [stock.exitCode, stock.stdout])
      }))
  }

  test('writes timers to the file that is named for them', () =>
    inTemporaryDirectory((cwd) => {
      compile(cwd, SMALL_PROGRAM)
      const args = [...LINK, '-mllvm', '-time-passes', '-mllvm', '-info-output-file=timers']
      must(STOCK, args, { cwd })
      const stock = readFileSync(join(cwd, 'timers'), 'utf8')
      rmSync(join(cwd, 'timers'))
      must(DTLTO, [...args, '--distribute=local'], { cwd })
      assert.deepEqual(timers(readFileSync(join(cwd, 'timers'), 'utf8')), timers(stock))
    }))

  const streams = [
    ['--version', '"$@" > /dev/full'],
    ['--version', '"$@" >&-'],
    ['--Map=-', '"$@" >&-'],
    ['-mllvm -help-list-hidden', '"$@" > /dev/full'],
    // The reader is gone before the linker starts.
    ['--version', 'exec 7> >(exec true); wait $!; "$@" >&7'],
    ['-mllvm -help-list-hidden', 'exec 7> >(exec true); wait $!; "$@" >&7'],
  ] as const
  for (const [args, shell] of streams) {
    test(`is that of stock lld with a broken or full stdout: ${args}, ${shell}`, () =>
      inTemporaryDirectory((cwd) => {
        compile(cwd, SMALL_PROGRAM)
        const { stock, dtlto } = both(cwd, [...LINK, ...args.split(' ')], `${shell}; echo "ended $?" >&2`)
        assert.match(stock.stderr, /ended (0|1|141)\n$/)
        assert.deepEqual([dtlto.exitCode, withoutLine(dtlto.stderr)], [stock.exitCode, withoutLine(stock.stderr)])
      }))
  }

  test('is that of stock lld where a file may not grow', () =>
    inTemporaryDirectory((cwd) => {
      compile(cwd, SMALL_PROGRAM)
      const { stock, dtlto } = both(cwd, LINK, 'ulimit -f 0; exec "$@" 2>/dev/null')
      assert.deepEqual([stock.exitCode, existsSync(join(cwd, 'out.so'))], [null, false])
      assert.equal(dtlto.exitCode, stock.exitCode)
    }))

  test('comes with the first error beyond the limit', () =>
    inTemporaryDirectory((cwd) => {
      const { stock, dtlto } = both(cwd, [
        '--error-limit=2',
        '--error-handling-script=/bin/echo',
        '-la',
        '-lb',
        '-lc',
        '-ld',
      ])
      assert.match(stock.stderr, /too many errors emitted/)
      assert.deepEqual(dtlto, stock)
    }))
})

/** bash says where it was when a program died. */
const withoutLine = (text: string): string => text.replaceAll(/^bash: line \d+: +\d+ /gm, '')

test('a crash is reported in the words and order of stock lld, and ends with its signal', () =>
  inTemporaryDirectory((cwd) => {
    const crash = 'export FORCE_LLD_DIAGNOSTICS_CRASH=1; "$@" none.o; echo "ended $?" >&2'
    const { stock, dtlto } = both(cwd, [], crash)
    assert.match(stock.stderr, /PLEASE submit a bug report[^]*Program arguments: .*\n[^]*ended 132\n$/)
    const beforeStack = (text: string): string => (text.split(/^ *#?0 /m)[0] ?? '').replace('--distribute=local ', '')
    assert.equal(beforeStack(dtlto.stderr), beforeStack(stock.stderr))
    assert.match(dtlto.stderr, /ended 132\n$/)
  }))

describe('code that lld loads', () => {
  test('by -mllvm -load is loaded', () =>
    inTemporaryDirectory((cwd) => {
      compile(cwd, SMALL_PROGRAM)
      writeFileSync(
        join(cwd, 'loaded.cpp'),
        '#include <unistd.h>\n__attribute__((constructor)) static void hello() { (void)!write(2, "loaded\\n", 7); }\n',
      )
      must('c++', ['-shared', '-fPIC', 'loaded.cpp', '-o', 'loaded.so'], { cwd })
      const { stock, dtlto } = both(cwd, [...LINK, '-mllvm', '-load=./loaded.so'])
      assert.deepEqual(stock, { exitCode: 0, stdout: '', stderr: 'loaded\n' })
      assert.deepEqual(dtlto, stock)
      const missing = both(cwd, [...LINK, '-mllvm', '-load=./none.so'])
      assert.match(missing.stock.stderr, /none\.so/)
      assert.deepEqual(missing.dtlto, missing.stock)
    }))

  // Most plugins leave LLVM's symbols to the program that loads them.
  test('as a pass plugin need not name libLLVM', () =>
    inTemporaryDirectory((cwd) => {
      compile(cwd, SMALL_PROGRAM)
      writeFileSync(join(cwd, 'plugin.cpp'), PLUGIN)
      const include = must(join(LLVM_BIN, 'llvm-config'), ['--includedir'], { cwd }).trim()
      const flags = ['-std=c++17', '-fno-rtti', '-shared', '-fPIC', '-Wl,--no-undefined-version', `-isystem${include}`]
      must('c++', [...flags, 'plugin.cpp', '-o', 'plugin.so'], { cwd })
      const { stock, dtlto } = both(cwd, [...LINK, '--load-pass-plugin=./plugin.so'])
      assert.deepEqual(stock, { exitCode: 0, stdout: '', stderr: 'saw main.o\nsaw twice.o\nsaw add.o\n' })
      assert.deepEqual(dtlto, stock)
    }))
})

const PLUGIN = `
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/raw_ostream.h"
using namespace llvm;
struct Say : PassInfoMixin<Say> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    errs() << "saw " << M.getModuleIdentifier() << "\\n";
    return PreservedAnalyses::all();
  }
};
extern "C" PassPluginLibraryInfo llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "say", "1", [](PassBuilder &Builder) {
    Builder.registerOptimizerLastEPCallback(
        [](ModulePassManager &Passes, OptimizationLevel, ThinOrFullLTOPhase) { Passes.addPass(Say()); });
  }};
}
`
