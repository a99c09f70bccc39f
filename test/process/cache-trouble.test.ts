/** A ThinLTO cache that cannot be used. A distributor compiles: its objects must meet what lld's own backends meet. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compile, DTLTO, inTemporaryDirectory, must, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const ELSEWHERE = ['--distribute=local,isolate=process', '--distribute-fallback=none']
const LINK = ['-shared', '-o', 'out.so', 'main.o', 'twice.o', 'add.o', '--thinlto-jobs=1']

interface Trouble {
  readonly name: string
  readonly cache: string
  /** Prepares `cache`, in a shell; `$@` is the link. */
  readonly shell?: string
  readonly prepare?: (cwd: string) => void
  readonly stock: RegExp
}

const entries = (cwd: string): string[] =>
  readdirSync(join(cwd, 'cache'))
    .filter((name) => name.startsWith('llvmcache-'))
    .map((name) => join(cwd, 'cache', name))

/** As root, who may do everything else: in mount namespaces of their own. */
const asRoot = process.getuid?.() === 0

const TROUBLES: readonly Trouble[] = [
  {
    name: 'in a directory that is a file',
    cache: 'file',
    prepare: (cwd) => {
      writeFileSync(join(cwd, 'file'), '')
    },
    stock: /Failed to open cache file .*: Not a directory[^]*ended 1$/,
  },
  {
    name: 'in a directory that cannot be made',
    cache: '/proc/none',
    stock: /LLVM ERROR: can't create cache directory[^]*PLEASE submit[^]*ended 134$/,
  },
  {
    name: 'whose entries are directories',
    cache: 'cache',
    prepare: (cwd) => {
      must(STOCK, [...LINK, '--thinlto-cache-dir=cache'], { cwd })
      for (const entry of entries(cwd)) {
        rmSync(entry, { recursive: true })
        mkdirSync(entry)
      }
    },
    stock: /Failed to open cache file .*: Is a directory[^]*ended 1$/,
  },
  {
    name: 'that is full',
    cache: 'cache',
    shell: 'mkdir -p cache; mount -t tmpfs -o size=4k none cache; head -c 4096 /dev/zero > cache/filler; "$@"',
    stock: /LLVM ERROR: IO failure on output stream: No space left on device[^]*ended 1$/,
  },
  {
    name: 'that is read-only',
    cache: 'cache',
    shell: 'mkdir -p cache; mount -t tmpfs -o ro none cache; "$@"',
    stock: /Read-only file system[^]*ended 134$/,
  },
]

/** Only what both say: stack traces are addresses, and several threads may meet the same trouble before the process has ended. */
function words(text: string): string[] {
  const lines = text.split('\n').filter((line) => /^(ld\.lld|LLVM ERROR|PLEASE|ended)/.test(line))
  return [
    ...new Set(
      lines.map((line) => line.replaceAll(/Thin-\w+\.tmp/g, 'Thin-.tmp').replaceAll(/llvmcache-\w+/g, 'entry')),
    ),
  ]
}

describe('a cache', () => {
  for (const { name, cache, shell = '"$@"', prepare, stock } of TROUBLES) {
    test(`${name} ends a distributed link as it ends one of stock lld`, (t) =>
      inTemporaryDirectory((cwd) => {
        if (shell.includes('mount') && !asRoot) {
          t.skip('file systems can be mounted by root alone')
          return
        }
        compile(cwd, SMALL_PROGRAM)
        prepare?.(cwd)
        const link = (linker: string, own: readonly string[]): string => {
          const script = `ulimit -c 0; ${shell} 2>&1; echo "ended $?"`
          const args = ['-m', 'bash', '-c', script, 'bash', linker, ...LINK, `--thinlto-cache-dir=${cache}`, ...own]
          return run('unshare', args, { cwd, env: { LLVM_DISABLE_SYMBOLIZATION: '1' } }).stdout.trim()
        }
        const expected = link(STOCK, [])
        assert.match(expected, stock)
        assert.deepEqual(words(link(DTLTO, ELSEWHERE)), words(expected))
      }))
  }

  test('that goes away while jobs are out is made again, as by stock lld', () =>
    inTemporaryDirectory((cwd) => {
      compile(cwd, SMALL_PROGRAM)
      // Removes the cache when lld has looked for its entries, before there is an object.
      writeFileSync(join(cwd, 'remover.mjs'), remover())
      const args = [...LINK, '--thinlto-cache-dir=cache']
      must(STOCK, args, { cwd })
      const kept = readFileSync(join(cwd, 'out.so'))
      for (const entry of entries(cwd)) rmSync(entry)
      must(DTLTO, [...args, '--distribute=./remover.mjs', '--distribute-fallback=none'], { cwd })
      assert.ok(readFileSync(join(cwd, 'out.so')).equals(kept))
      assert.equal(entries(cwd).length, 3)
    }))
})

test('an object that goes past the cache leaves nothing in it, though it holds the name of its entry', () =>
  inTemporaryDirectory((cwd) => {
    const source = { 'a.c': 'int start(void) { return 3; }' }
    const objects = compile(cwd, source, ['--target=x86_64-w64-mingw32', '-g', '-gcodeview'])
    const options = [
      '-m',
      'i386pep',
      '--entry=start',
      '--no-insert-timestamp',
      '-o',
      'out.exe',
      '--thinlto-cache-dir=cache',
    ]
    mkdirSync(join(cwd, 'cache'))
    const worker = fileURLToPath(new URL('../remote-jobs/clang-worker.js', import.meta.url))
    must(DTLTO, [...options, ...objects, `--distribute=${worker}`, '--distribute-fallback=none'], { cwd })
    assert.deepEqual(
      readdirSync(join(cwd, 'cache')).filter((name) => name !== 'llvmcache.timestamp'),
      [],
    )
    const linked = readFileSync(join(cwd, 'out.exe'))
    must(STOCK, [...options, ...objects], { cwd })
    assert.ok(readFileSync(join(cwd, 'out.exe')).equals(linked))
  }))

/** The process pool of examples/, which removes the cache before its first compile. */
const remover = (): string => `
import { rmSync } from 'node:fs'
import pool from '${new URL('../../examples/process-pool/index.js', import.meta.url).href}'
let isRemoved = false
export default {
  ...pool,
  async open(context, options) {
    const opened = await pool.open(context, options)
    return {
      ...opened,
      compile(job, endpoint, attempt) {
        if (!isRemoved) rmSync('cache', { recursive: true })
        isRemoved = true
        return opened.compile(job, endpoint, attempt)
      },
    }
  },
}`
