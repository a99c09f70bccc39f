import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CLANG, compile, inTemporaryDirectory, must, SMALL_PROGRAM } from '../link/toolchain.js'
import { aarch64, coffX64, machoArm64, mingwX64, type Target, wasm32, x86_64 } from '../parity/targets.js'
import { compileFor, link, type Linked, own } from './small-links.js'

const ISOLATED = 'distribute=local,isolate=process'

const CLASSES = {
  'shape.cpp': `#include <string>
#include <vector>
struct Shape { virtual ~Shape() = default; virtual double area() const = 0; };
struct Square : Shape { double a; Square(double x) : a(x) {} double area() const override { return a * a; } };
double sum(const std::vector<const Shape *> &all) { double s = 0; for (auto *each : all) s += each->area(); return s; }
std::string name(int n) { return "shape" + std::to_string(n); }
`,
  'main.cpp': `#include <cstdio>
#include <string>
#include <vector>
struct Shape; double sum(const std::vector<const Shape *> &); std::string name(int);
template <class T> T most(const std::vector<T> &v) { T m{}; for (auto &e : v) if (m < e) m = e; return m; }
int main() { std::printf("%s %g %d\\n", name(3).c_str(), sum({}), most(std::vector<int>{1, 9, 4})); }
`,
} as const

interface Sides {
  readonly stock: Linked
  readonly dtlto: Linked
  /** Files beside the output, by side. */
  readonly files: readonly [stock: Map<string, Buffer>, dtlto: Map<string, Buffer>]
}

/** Links with stock lld and isolated; files whose names begin with `side` are taken away in between. */
function linkBoth(target: Target, cwd: string, args: readonly string[], side = '//'): Sides {
  const take = (): Map<string, Buffer> => {
    const names = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) => name.startsWith(side))
    return new Map(
      names.flatMap((name): [string, Buffer][] => {
        const path = join(cwd, name)
        try {
          const bytes = readFileSync(path)
          renameSync(path, join(cwd, `taken ${name.replaceAll('/', ' ')}`))
          return [[name, bytes]]
        } catch {
          return [] // a directory
        }
      }),
    )
  }
  const stock = link(target, 'stock', cwd, args)
  const stockFiles = take()
  const dtlto = link(target, 'dtlto', cwd, [...args, own(target, ISOLATED)])
  return { stock, dtlto, files: [stockFiles, take()] }
}

/** Both sides gave the same file, text and code. */
function areEqual({ stock, dtlto, files }: Sides): void {
  assert.deepEqual([dtlto.exitCode, dtlto.stdout, dtlto.stderr], [stock.exitCode, stock.stdout, stock.stderr])
  assert.ok(Buffer.compare(dtlto.bytes ?? Buffer.alloc(0), stock.bytes ?? Buffer.alloc(0)) === 0, 'the outputs differ')
  assert.deepEqual(files[1], files[0])
}

describe('a link with isolate=process', () => {
  for (const [language, sources, flags] of [
    ['C', SMALL_PROGRAM, []],
    ['C++ with -g', CLASSES, ['-g']],
  ] as const) {
    test(`has the bytes of stock lld for a program in ${language}`, () =>
      inTemporaryDirectory((cwd) => {
        const objects = compile(cwd, sources, ['-fPIC', ...flags])
        const sides = linkBoth(x86_64, cwd, ['-shared', ...objects])
        assert.equal(sides.stock.exitCode, 0)
        areEqual(sides)
      }))
  }

  for (const target of [aarch64, mingwX64, coffX64, machoArm64, wasm32]) {
    test(`has the bytes of stock lld for ${target.name}`, () =>
      inTemporaryDirectory((cwd) => {
        const sides = linkBoth(target, cwd, [...target.program, ...compileFor(target, cwd, ['-g'])])
        assert.equal(sides.stock.exitCode, 0, sides.stock.stderr)
        areEqual(sides)
      }))
  }

  for (const [what, files, args, flags] of [
    ['split debug information', 'dwo', ['--plugin-opt=dwo_dir=dwo'], ['-g', '-gsplit-dwarf']],
    ['remarks in YAML', 'r.', ['--opt-remarks-filename=r', '--opt-remarks-format=yaml'], ['-g']],
    ['remarks as a bit stream', 'r.', ['--opt-remarks-filename=r', '--opt-remarks-format=bitstream'], ['-g']],
  ] as const) {
    test(`writes ${what} where stock lld does, with the same bytes`, () =>
      inTemporaryDirectory((cwd) => {
        const options = args.map((argument) => argument.replace(/^--opt/, '--plugin-opt=opt'))
        const objects = compileFor(x86_64, cwd, flags)
        const sides = linkBoth(x86_64, cwd, [...x86_64.program, ...objects, ...options], files)
        areEqual(sides)
        assert.ok(sides.files[0].size >= objects.length, [...sides.files[0].keys()].join())
      }))
  }

  test('passes a warning of inline assembly on as stock lld words it', () =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, { 'a.c': 'void f(void) { __asm__(".warning \\"mind the gap\\""); }' })
      const sides = linkBoth(x86_64, cwd, ['-shared', ...objects])
      assert.match(sides.stock.stderr, /warning: .*mind the gap/)
      areEqual(sides)
    }))

  test('reports an error of inline assembly as stock lld words it', () =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, {
        'a.c': 'void f(void) { __asm__("no_such_instruction"); }',
        'b.c': 'int g(void) { return 1; }',
      })
      const sides = linkBoth(x86_64, cwd, ['-shared', ...objects])
      assert.match(sides.stock.stderr, /error: .*a\.o.*no_such_instruction/)
      areEqual(sides)
    }))

  test('ends as stock lld does when LLVM itself gives up', () =>
    inTemporaryDirectory((cwd) => {
      // An intrinsic that the target does not have: instruction selection aborts the process.
      writeFileSync(
        join(cwd, 'bad.ll'),
        `target triple = "x86_64-unknown-linux-gnu"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
declare i32 @llvm.amdgcn.workitem.id.x()
define i32 @f() {
  %x = call i32 @llvm.amdgcn.workitem.id.x()
  ret i32 %x
}
`,
      )
      must(CLANG, ['-flto=thin', '-O2', '-c', 'bad.ll', '-o', 'bad.o'], { cwd })
      const [other = ''] = compile(cwd, { 'other.c': 'int other(void) { return 1; }' })
      const { stock, dtlto } = linkBoth(x86_64, cwd, ['-shared', 'bad.o', other])
      const first = ({ stderr }: Linked): string => /^LLVM ERROR: .*$/m.exec(stderr)?.[0] ?? assert.fail(stderr)
      assert.match(first(stock), /Cannot select: intrinsic %llvm\.amdgcn/)
      assert.equal(first(dtlto), first(stock))
      assert.equal(dtlto.exitCode, stock.exitCode)
    }))
})
