/** Which format a link has is lld's decision, by rules of its own. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LinkSession } from '../../packages/dtlto/src/link/session.js'
import { compile, DTLTO, inTemporaryDirectory, LLVM_BIN, must, STOCK, LLVM_MAJOR } from './toolchain.js'

const DRIVERS: readonly [program: string, args: readonly string[], driver: string | undefined][] = [
  ['ld.lld', [], 'elf'],
  ['ld.lld', ['-m', 'elf_x86_64', '-m', 'i386pep'], 'elf'], // the first counts
  ['ld.lld', ['-m', 'i386pep', '-mllvm', '-x'], 'mingw'],
  ['ld.lld', ['@emulation'], 'mingw'],
  ['lld', ['-flavor', 'link'], 'coff'],
  ['lld', ['-flavor', 'gnu', '-m', 'i386pe'], 'mingw'],
  [`lld-link-${LLVM_MAJOR}`, [], 'coff'],
  ['ld64.lld', [], 'macho'],
  ['x86_64-linux-gnu-ld', [], 'elf'],
  ['wasm-ld', [], 'wasm'],
  ['nobody-knows', [], undefined],
]

test("the flavour is that of lld's own driver", () =>
  inTemporaryDirectory(async (cwd) => {
    writeFileSync(join(cwd, 'emulation'), '-m i386pep')
    for (const [program, args, driver] of DRIVERS) {
      const argv = [join(LLVM_BIN, program), ...args, '--version'].map((argument) =>
        argument.startsWith('@') ? `@${join(cwd, argument.slice(1))}` : argument,
      )
      const session = new LinkSession(argv, true)
      assert.equal(await session.driver, driver, argv.join(' '))
      await session.finished
    }
  }))

test('a MinGW link with an LLVM option gives the bytes of stock lld: program, PDB, and what it leaves in the cache', () =>
  inTemporaryDirectory((cwd) => {
    const sources = { 'a.c': 'int b(int); int start(void) { return b(3); }', 'b.c': 'int b(int x) { return x * 3; }' }
    const objects = compile(cwd, sources, ['--target=x86_64-w64-mingw32', '-g', '-gcodeview'])
    const options = ['-m', 'i386pep', '--entry=start', '--no-insert-timestamp', '-mllvm', '-inline-threshold=77']
    const link = (linker: string, own: readonly string[]): Record<string, Buffer> => {
      const output = ['-o', 'out.exe', '--pdb=out.pdb', '--thinlto-cache-dir=cache']
      must('rm', ['-rf', 'cache', 'out.exe', 'out.pdb'], { cwd })
      mkdirSync(join(cwd, 'cache'))
      must(linker, [...options, ...output, ...objects, ...own], { cwd })
      const entries = readdirSync(join(cwd, 'cache')).filter((name) => name.startsWith('llvmcache-'))
      assert.equal(entries.length, 2)
      const files = ['out.exe', 'out.pdb', ...entries.map((name) => join('cache', name))]
      return Object.fromEntries(files.map((name) => [name, readFileSync(join(cwd, name))]))
    }
    const stock = link(STOCK, [])
    const dtlto = link(DTLTO, ['--distribute=local,isolate=process', '--distribute-fallback=none'])
    assert.deepEqual(Object.keys(dtlto), Object.keys(stock))
    for (const [name, bytes] of Object.entries(stock)) assert.ok(dtlto[name]?.equals(bytes), name)
  }))
