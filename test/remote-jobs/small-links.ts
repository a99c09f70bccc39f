/** Small links without a system library, one for each object format: three modules that import from each other. */
import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compile, DTLTO_BIN, LLVM_BIN, type Ran, run } from '../link/toolchain.js'
import { output, type Flavour, type Target } from '../parity/targets.js'

const PROGRAMS: Readonly<Record<Flavour, readonly [stock: string, dtlto: string]>> = {
  elf: ['ld.lld', 'ld.dtlto'],
  mingw: ['ld.lld', 'ld.dtlto'],
  coff: ['lld-link', 'dtlto-link'],
  macho: ['ld64.lld', 'ld64.dtlto'],
  wasm: ['wasm-ld', 'wasm-ld.dtlto'],
}

const SOURCES = {
  'main.c': `int twice(int); int total(const int *, int); extern int calls; void *memset(void *, int, unsigned long long);
int entry(void) { int a[64]; for (int i = 0; i < 64; i++) a[i] = twice(i) + calls; return total(a, 64); }
`,
  'twice.c': `int calls; int add(int, int);
int twice(int x) { calls++; return x & 1 ? add(x, x) : x << 1; }
`,
  'total.c': `int add(int, int); static int limit = 1000;
int add(int a, int b) { return a + b > limit ? limit : a + b; }
int total(const int *a, int n) { int sum = 0; for (int i = 0; i < n; i++) sum = add(sum, a[i] * a[i]); return sum; }
`,
} as const

/** Compiles the program for a target; gives the objects' names. */
export function compileFor(target: Target, cwd: string, flags: readonly string[] = []): string[] {
  return compile(cwd, SOURCES, [`--target=${target.triple}`, '-ffreestanding', ...target.cflags, ...flags])
}

/** The path of the stock linker for a target: argv[0] of a link in this process. */
export function stockLinker({ flavour }: Target): string {
  return join(LLVM_BIN, PROGRAMS[flavour][0])
}

/** One of dtlto's own options in the spelling of the target's linker. */
export function own(target: Target, option: string): string {
  return target.flavour === 'coff' ? `/${option.replace('=', ':')}` : `--${option}`
}

export interface Linked extends Ran {
  /** Undefined if there is no output. */
  readonly bytes: Buffer | undefined
}

/** Links to `out`, which some formats hold in their bytes, and takes the file away as `side`. */
export function link(target: Target, side: 'stock' | 'dtlto', cwd: string, args: readonly string[]): Linked {
  const program = side === 'stock' ? stockLinker(target) : join(DTLTO_BIN, PROGRAMS[target.flavour][1])
  rmSync(join(cwd, 'out'), { force: true })
  const ran = run(program, [...args, ...output(target, 'out')], { cwd })
  if (ran.exitCode !== 0) return { ...ran, bytes: undefined }
  renameSync(join(cwd, 'out'), join(cwd, `${side}.out`))
  return { ...ran, bytes: readFileSync(join(cwd, `${side}.out`)) }
}
