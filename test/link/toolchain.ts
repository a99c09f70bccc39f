/** Real tools for tests of whole links: stock LLVM beside dtlto, and small programs made of several modules. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { firstLlvm } from '../../scripts/llvm-versions.mjs'
import { packageVersion } from '../../scripts/package/version.mjs'

/** The version that tests are about: scripts/llvm-versions.mjs. */
export const LLVM_MAJOR = String(firstLlvm())
export const LLVM_BIN = process.env['DTLTO_LLVM_BIN'] ?? `/usr/lib/llvm-${LLVM_MAJOR}/bin`
export const CLANG = join(LLVM_BIN, 'clang')
export const DTLTO_BIN = fileURLToPath(new URL('../../packages/dtlto/bin/', import.meta.url))
export const STOCK = join(LLVM_BIN, 'ld.lld')
export const DTLTO = join(DTLTO_BIN, 'ld.dtlto')
/** What dtlto's linkers say after lld's words when they are asked for the version. */
export const VERSION_LINE = `dtlto ${packageVersion()}\n`

export interface Ran {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** Runs a program to its end, without a terminal. */
export function run(program: string, args: readonly string[], { cwd, env = {}, timeoutMs }: RunOptions): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: timeoutMs ?? 120_000,
  })
  if (error) throw error
  return { exitCode: status, stdout, stderr }
}

/** Runs a program that must succeed; gives its stdout. */
export function must(program: string, args: readonly string[], options: RunOptions): string {
  const { exitCode, stdout, stderr } = run(program, args, options)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${String(exitCode)}\n${stdout}${stderr}`)
  return stdout
}

/** A directory that `use` may fill; removed afterwards. */
export async function inTemporaryDirectory<T>(use: (directory: string) => T | Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto test '))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Compiles C sources, given by name, to ThinLTO bitcode objects in `directory`; gives the objects' names. */
export function compile(
  directory: string,
  sources: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): string[] {
  return Object.entries(sources).map(([name, text]) => {
    const object = name.replace(/\.[a-z]+$/, '.o')
    writeFileSync(join(directory, name), text)
    must(CLANG, ['-flto=thin', '-O2', ...flags, '-c', name, '-o', object], { cwd: directory })
    return object
  })
}

/** A program of three modules that import from each other: prints 42. */
export const SMALL_PROGRAM = {
  'main.c':
    '#include <stdio.h>\nint twice(int);\nint add(int, int);\nint main(void) { printf("%d\\n", add(twice(20), 2)); return 0; }\n',
  'twice.c': 'int add(int, int);\nint twice(int x) { return add(x, x); }\n',
  'add.c':
    'static int calls;\nint add(int a, int b) { calls++; return a + b; }\nint add_calls(void) { return calls; }\n',
} as const

/** `count` modules whose backends take a while each (some 10 ms for each function), and a main that calls them all. */
export function slowProgram(count: number, functionCount = 60): Record<string, string> {
  const sources: Record<string, string> = {}
  const names = Array.from({ length: count }, (_, i) => `slow${String(i)}`)
  for (const name of names) {
    const functions = Array.from({ length: functionCount }, (_, i) => {
      const steps = Array.from(
        { length: 12 },
        (_, k) =>
          `for (int i = 0; i < n; i++) a[i] = a[i] * ${String(k + i + 3)} + (a[(i * ${String(k + 7)}) % n] >> ${String((k % 5) + 1)});`,
      )
      return `__attribute__((noinline)) int ${name}_${String(i)}(int *a, int n) { ${steps.join(' ')} return a[0]; }`
    })
    const calls = functions.map((_, i) => `${name}_${String(i)}(a, n)`).join(' + ')
    sources[`${name}.c`] = `${functions.join('\n')}\nint ${name}(int *a, int n) { return ${calls}; }\n`
  }
  const declarations = names.map((name) => `int ${name}(int *, int);`).join(' ')
  const sum = names.map((name) => `${name}(a, 16)`).join(' + ')
  sources['main.c'] = `${declarations}\nint main(void) { int a[16] = {1}; return (${sum}) == 1; }\n`
  return sources
}

/** Links with both through clang, so that the command line is a real one; gives both results and both files' bytes. */
export function linkBoth(
  directory: string,
  args: readonly string[],
  dtltoArgs: readonly string[] = ['-Wl,--distribute=local'],
): { readonly stock: Buffer; readonly dtlto: Buffer } {
  const link = (linker: string, output: string, more: readonly string[]): Buffer => {
    must(CLANG, ['-flto=thin', '-O2', `--ld-path=${linker}`, ...args, ...more, '-o', output], { cwd: directory })
    return readFileSync(join(directory, output))
  }
  return { stock: link(STOCK, 'stock.out', []), dtlto: link(DTLTO, 'dtlto.out', dtltoArgs) }
}
