/**
 * The recipes of docs/build-systems.md, as they stand there, on the programs that they name: with distribution, and the bytes of stock lld. That of the kernel takes some five minutes of processor
 * time, so a usual run leaves it out:
 *
 *     DTLTO_TEST_FULL=1 node scripts/test.mjs build-systems
 */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CHKSTK, MINGW } from '../formats/platforms.js'
import { whyMissing } from '../formats/machines.js'
import { DTLTO_BIN, LLVM_BIN, LLVM_MAJOR, must, run as runProgram } from '../link/toolchain.js'
import { documentedBlocks } from '../packages/documented.js'
import { whyNoRust } from '../parity/inputs/rust.js'
import { fetchSource } from '../programs/apt-source.js'
import { tryRun } from '../programs/run.js'
import { fetchKernel } from './kernel-source.js'

interface Recipe {
  /** The section of docs/build-systems.md. */
  readonly title: string
  /** Debian's source package that it is tried on, or a directory here. */
  readonly source: string
  /** What that makes. */
  readonly outputs: readonly string[]
  readonly skip?: string | undefined
  /** What stands in for a part of the toolchain that the recipe asks for: the directory of programs that come first on PATH. */
  readonly toolchain?: () => string
  /** Tries what was built. */
  readonly check?: (directory: string) => void
}

const CRATE = 'mixed-crate'
const KERNEL = 'linux'
const noWasi = existsSync('/usr/share/doc/wasi-libc') ? undefined : "Debian's package 'wasi-libc' is not installed"
const AUTOTOOLS: Recipe = {
  title: 'Autotools and libtool',
  source: 'libogg',
  outputs: ['src/.libs/libogg.so.0.8.5', 'src/test_framing', 'src/test_bitwise'],
}
const MAKE: Recipe = { title: 'Make', source: 'bzip2', outputs: ['bzip2', 'bzip2recover'] }
const WASM: Recipe = { title: 'WebAssembly', source: 'zlib', outputs: ['example', 'minigzip'], skip: noWasi }
const WINDOWS: Recipe = {
  title: 'MinGW',
  source: 'libogg',
  outputs: ['src/test_framing.exe', 'src/test_bitwise.exe'],
  skip: existsSync('/usr/x86_64-w64-mingw32/lib/crt2.o')
    ? undefined
    : "Debian's 'mingw-w64-x86-64-dev' is not installed",
  toolchain: mingwToolchain,
  check: runOnWine,
}
const LINUX: Recipe = {
  title: 'Linux',
  source: KERNEL,
  outputs: ['vmlinux', 'vmlinux.o'],
  skip: whyNoKernel(),
}
const RECIPES: readonly Recipe[] = [
  { title: 'CMake', source: 'libjsoncpp', outputs: ['out/bin/jsoncpp_test', 'out/lib/libjsoncpp.so.25'] },
  { title: 'Meson', source: 'libjsoncpp', outputs: ['out/libjsoncpp.so.25'] },
  AUTOTOOLS,
  MAKE,
  { title: 'Cargo', source: CRATE, outputs: ['target/release/mixed'], skip: whyNoRust() },
  WASM,
  WINDOWS,
  LINUX,
]

const scratch = mkdtempSync(join(tmpdir(), 'dtlto-build-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const links = join(scratch, 'links.txt')
/** What the kernel's build would take from the machine and the clock. */
const KBUILD = {
  KBUILD_BUILD_TIMESTAMP: '@1700000000',
  KBUILD_BUILD_VERSION: '1',
  KBUILD_BUILD_USER: 'user',
  KBUILD_BUILD_HOST: 'host',
}
const SETTINGS = { DTLTO_DISTRIBUTE: 'worker', DTLTO_FALLBACK: 'none', DTLTO_SUMMARY: links }

const sources = new Map<string, Promise<string>>()
function fetched(name: string): Promise<string> {
  if (name === CRATE) return Promise.resolve(fileURLToPath(new URL(CRATE, import.meta.url)))
  const known = sources.get(name)
  if (known !== undefined) return known
  const directory = join(scratch, name)
  mkdirSync(directory)
  const source = (
    name === KERNEL
      ? fetchKernel(directory, join(scratch, 'kernel'))
      : fetchSource(name, directory, join(scratch, 'apt'))
  ).then(() => directory)
  sources.set(name, source)
  return source
}

function whyNoKernel(): string | undefined {
  if (process.env['DTLTO_TEST_FULL'] !== '1') return 'five minutes of processor time: with DTLTO_TEST_FULL=1'
  const missing = ['flex', 'bison', 'bc'].find((program) => !existsSync(join('/usr/bin', program)))
  if (missing !== undefined) return `'${missing}' is not installed`
  return existsSync('/usr/include/libelf.h') ? undefined : "Debian's 'libelf-dev' is not installed"
}

async function copy({ source }: Recipe, directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true })
  cpSync(await fetched(source), directory, { recursive: true, preserveTimestamps: true })
}

function scriptOf({ title }: Recipe): string {
  return documentedBlocks('docs/build-systems.md', title).join('').replaceAll('-22', `-${LLVM_MAJOR}`)
}

/** Debian's libgcc for MinGW comes with a compiler of 200 MB. C programs need one function of it. */
function mingwToolchain(): string {
  const bin = join(scratch, 'mingw')
  if (existsSync(bin)) return bin
  mkdirSync(bin)
  const clang = `clang-${LLVM_MAJOR}`
  writeFileSync(join(bin, 'chkstk.s'), CHKSTK)
  must(clang, ['--target=x86_64-w64-mingw32', '-c', 'chkstk.s', '-o', 'chkstk.o'], { cwd: bin })
  must(`llvm-ar-${LLVM_MAJOR}`, ['rc', 'libgcc.a', 'chkstk.o'], { cwd: bin })
  must(`llvm-ar-${LLVM_MAJOR}`, ['rc', 'libgcc_eh.a'], { cwd: bin })
  // With Debian's gcc there, clang would find all that by itself.
  const found = join(LLVM_BIN, 'clang')
  const script = `#!/bin/sh\nexec '${found}' -Qunused-arguments --sysroot=/usr '-L${bin}' "$@"\n`
  writeFileSync(join(bin, clang), script, { mode: 0o755 })
  return bin
}

function runOnWine(directory: string): void {
  if (whyMissing(MINGW.needs) !== undefined) return
  const prefix = mkdtempSync(join(scratch, 'wine-'))
  const { program, args, env = {} } = MINGW.start(join(directory, 'src/test_framing.exe'), prefix)
  const { exitCode, stderr } = runProgram(program, args, { cwd: directory, env })
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /Testing recapture\.\.\. ok/)
}

async function run(
  command: readonly string[],
  cwd: string,
  settings: Readonly<Record<string, string>>,
  toolchain?: string,
): Promise<void> {
  const PATH = [...(toolchain === undefined ? [] : [toolchain]), DTLTO_BIN, process.env['PATH'] ?? ''].join(delimiter)
  const env = { ...process.env, PATH, SOURCE_DATE_EPOCH: '1700000000', ...KBUILD, ...settings }
  const { exitCode, stdout, stderr } = await tryRun(command[0] ?? '', command.slice(1), { cwd, env })
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
}

/** What `build` makes with distribution is what it makes without. `directory` is the same for both: it is compiled into programs. */
async function compare(
  parts: readonly { readonly recipe: Recipe; readonly directory: string }[],
  build: (settings: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  const read = (): Map<string, Buffer> =>
    new Map(
      parts.flatMap(({ recipe, directory }) =>
        recipe.outputs.map((output) => [output, readFileSync(join(directory, output))] as const),
      ),
    )
  const prepared = async (settings: Readonly<Record<string, string>>): Promise<Map<string, Buffer>> => {
    for (const { recipe, directory } of parts) await copy(recipe, directory)
    await build(settings)
    return read()
  }
  const stock = await prepared({})
  rmSync(links, { force: true })
  const ours = await prepared(SETTINGS)
  for (const [output, bytes] of stock) assert.ok(ours.get(output)?.equals(bytes), `${output} differs from stock lld's`)
  assert.match(readFileSync(links, 'utf8'), /^ +worker +\d+ jobs?,/m, 'no job was distributed')
}

describe('a build with', () => {
  for (const recipe of RECIPES) {
    const { title, source, skip, toolchain, check } = recipe
    const name = `${title} has the bytes of stock lld, and its jobs are distributed (${source})`
    test(name, { skip: skip ?? false }, async () => {
      const directory = join(scratch, 'build')
      const script = ['sh', '-ec', scriptOf(recipe)]
      await compare([{ recipe, directory }], (settings) => run(script, directory, settings, toolchain?.()))
      check?.(directory)
    })
  }

  test('several of them at once, under one jobserver, has the same bytes', async () => {
    const parts = [AUTOTOOLS, MAKE, WASM]
      .filter(({ skip }) => skip === undefined)
      .map((recipe) => ({ recipe, directory: join(scratch, 'several', recipe.source) }))
    const top = join(scratch, 'several')
    mkdirSync(top)
    // Their own -j would make jobservers of their own.
    const rules = parts.map(({ recipe, directory }) => {
      const script = join(scratch, `${recipe.source}.sh`)
      writeFileSync(script, scriptOf(recipe).replaceAll(' -j2', ''))
      return `${recipe.source}:\n\t+cd '${directory}' && sh -e '${script}'\n`
    })
    const names = parts.map(({ recipe }) => recipe.source).join(' ')
    writeFileSync(join(scratch, 'Makefile'), `all: ${names}\n.PHONY: all ${names}\n${rules.join('')}`)
    await compare(parts, (settings) => run(['make', '-j3', '-f', join(scratch, 'Makefile')], top, settings))
  })
})
