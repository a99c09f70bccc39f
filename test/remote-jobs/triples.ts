/** Links whose modules name a given triple, to the letter: clang itself would write another one into them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CLANG, LLVM_BIN, must, run } from '../link/toolchain.js'
import type { Flavour } from '../parity/targets.js'
import { withJobs } from './jobs.js'

export interface OfTriple {
  readonly triple: string
  readonly flavour: Flavour
}

/** `kept`: stock clang makes the object of this process, and says nothing. `cannot`: it is not asked, and why. */
export type TripleVerdict =
  | { readonly kind: 'kept' }
  | { readonly kind: 'cannot'; readonly reason: string }
  | { readonly kind: 'differs'; readonly words: string }
  | { readonly kind: 'no link'; readonly words: string }

const SOURCES = {
  'main.c': `int twice(int); extern int calls; void *memcpy(void *, const void *, unsigned long long);
struct big { int a[40]; }; struct big from; double half(double x) { return x / 2; }
int entry(int n) { struct big to; memcpy(&to, &from, sizeof to); return twice(n) + calls + to.a[n & 31] + (int)half(n); }
`,
  'twice.c': 'int calls; int twice(int x) { static int last; calls++; last += x; return x << (last & 3); }\n',
} as const

const LINKERS: Readonly<Record<Flavour, readonly string[]>> = {
  elf: ['ld.lld', '-shared'],
  mingw: ['ld.lld', '-m', 'i386pep', '-shared', '--entry=entry', '-Xlink=/force:unresolved'],
  coff: ['lld-link', '/dll', '/noentry', '/export:entry', '/force:unresolved', '/nodefaultlib'],
  macho: ['ld64.lld', '-dylib', '-undefined', 'dynamic_lookup'],
  wasm: ['wasm-ld', '--no-entry', '--export=entry', '--allow-undefined'],
}

export async function tripleVerdict({ triple, flavour }: OfTriple): Promise<TripleVerdict> {
  const cwd = mkdtempSync(join(tmpdir(), 'dtlto-triple-'))
  try {
    const inputs = Object.entries(SOURCES).map(([name, text]) => {
      writeFileSync(join(cwd, name), text)
      const ll = must(
        CLANG,
        [
          `--target=${triple.replace('gnullvm', 'gnu')}`,
          '-O2',
          '-g',
          '-ffreestanding',
          '-S',
          '-emit-llvm',
          '-Wno-everything',
          name,
          '-o',
          '-',
        ],
        { cwd },
      )
      writeFileSync(join(cwd, `${name}.ll`), ll.replace(/^target triple = .*/m, `target triple = "${triple}"`))
      must(join(LLVM_BIN, 'opt'), ['-thinlto-bc', `${name}.ll`, '-o', `${name}.o`], { cwd })
      return join(cwd, `${name}.o`)
    })
    const [program = '', ...args] = LINKERS[flavour]
    const platform = flavour === 'macho' ? machOPlatform(triple) : []
    const argv = [
      join(LLVM_BIN, program),
      ...args,
      ...platform,
      ...inputs,
      ...(flavour === 'coff' ? [`/out:${join(cwd, 'out')}`] : ['-o', join(cwd, 'out')]),
    ]
    return await withJobs(argv, async (jobs, { native }) => {
      for (const job of jobs) {
        const packed = await job.package()
        const clang = packed.kind === 'cannot' ? packed : await packed.forClang()
        if (clang.kind === 'cannot') return { kind: 'cannot', reason: clang.reason }
        for (const file of clang.files) writeFileSync(join(cwd, file.name), file.content.bytes())
        const { exitCode, stderr } = run(CLANG, clang.args, { cwd })
        if (exitCode !== 0 || stderr !== '') return { kind: 'differs', words: stderr }
        const here = await native.compileToMemory(job.index)
        if (Buffer.compare(readFileSync(join(cwd, clang.output)), here) !== 0) return { kind: 'differs', words: '' }
      }
      return { kind: 'kept' }
    })
  } catch (error) {
    return { kind: 'no link', words: String(error).slice(0, 300) }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

function machOPlatform(triple: string): string[] {
  const platform = /ios|tvos|watchos|xros/.exec(triple)?.[0] ?? 'macos'
  const arch = /^[^-]*/.exec(triple)?.[0] ?? ''
  return ['-arch', arch, '-platform_version', platform, '12.0', '12.0']
}
