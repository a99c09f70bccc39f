/** dtlto with a libLLVM of another version than it was built with: copies of the real library, changed in the places in question. */
import assert from 'node:assert/strict'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { native } from '@dtlto/native'
import { compile, must, type Ran, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const ADDON = fileURLToPath(new URL('../../packages/native/build/dtlto.node', import.meta.url))
const BIN = fileURLToPath(new URL('../../packages/dtlto/bin/', import.meta.url))
const [MAJOR = 0, MINOR = 0, PATCH = 0] = native().llvmBuiltWith.split('.').map(Number)
/** LLVMGetVersion(unsigned *, unsigned *, unsigned *): `movl $N, (%rdi)`, `(%rsi)`, `(%rdx)`. */
const STORES = { major: 0x07, minor: 0x06, patch: 0x02 }
const LONGEST_FUNCTION = 64
/** A function that jobs are compiled by: the beginning of its name. */
const NEEDED = '_ZN4llvm3lto11thinBackendE'

/** Where in its file a library has what it has at an address. */
function offsetOf(file: string, address: number): number {
  for (const line of must('readelf', ['-lW', file], { cwd: '/' }).split('\n')) {
    const [, offset, from, size] = /^ *LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/.exec(line) ?? []
    const within = address - Number(`0x${from ?? ''}`)
    if (offset !== undefined && within >= 0 && within < Number(`0x${size ?? ''}`)) return Number(`0x${offset}`) + within
  }
  throw new Error(`'${file}' has nothing at ${address.toString(16)}`)
}

describe('another libLLVM', { skip: process.arch === 'x64' ? false : 'changes machine code of x86-64' }, () => {
  let directory = ''
  let objects: readonly string[] = []

  /** A directory for LD_LIBRARY_PATH, with a library that says it is of this version. */
  const library = (name: string, version: Partial<Record<keyof typeof STORES, number>>): string => {
    const at = join(directory, name)
    mkdirSync(at)
    const [, soname = '', path = ''] = /(\S*libLLVM\S*) => (\S+)/.exec(must('ldd', [ADDON], { cwd: '/' })) ?? []
    const copy = join(at, soname)
    copyFileSync(path, copy)
    const symbols = must('nm', ['-D', path], { cwd: '/' })
    const address = Number(`0x${/^(\w+) T LLVMGetVersion\b/m.exec(symbols)?.[1] ?? ''}`)
    const file = openSync(copy, 'r+')
    const start = offsetOf(copy, address)
    const code = Buffer.alloc(LONGEST_FUNCTION)
    readSync(file, code, 0, code.length, start)
    for (const [field, value] of Object.entries(version)) {
      const store = code.indexOf(Buffer.from([0xc7, STORES[field as keyof typeof STORES]]))
      assert.ok(store >= 0, `LLVMGetVersion does not store the ${field} version as it did`)
      writeSync(file, Buffer.from([value]), 0, 1, start + store + 2)
    }
    closeSync(file)
    return at
  }

  const link = (libraries: string, ...more: readonly string[]): Ran =>
    run(join(BIN, 'ld.dtlto'), ['-shared', ...objects, '-o', 'out', ...more], {
      cwd: directory,
      env: { LD_LIBRARY_PATH: libraries },
    })

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto-libllvm-'))
    objects = compile(directory, SMALL_PROGRAM)
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd: directory })
  })

  after(() => rmSync(directory, { recursive: true, force: true }))

  test('of the same series is used, and its version is the one that counts', () => {
    const libraries = library('patch', { patch: PATCH + 1 })
    const upgraded = `${String(MAJOR)}.${String(MINOR)}.${String(PATCH + 1)}`
    const env = { LD_LIBRARY_PATH: libraries }
    assert.match(must(join(BIN, 'dtlto'), ['--version'], { cwd: '/', env }), new RegExp(`LLVM ${upgraded}\\)`))
    for (const options of [['--distribute=local'], ['--distribute=worker', '--distribute-required']]) {
      const { exitCode, stderr } = link(libraries, ...options)
      assert.deepEqual([exitCode, stderr], [0, ''])
      assert.deepEqual(readFileSync(join(directory, 'out')), readFileSync(join(directory, 'stock')))
    }
    const { stdout } = run(join(BIN, 'dtlto'), ['doctor'], { cwd: '/', env })
    assert.match(stdout, new RegExp(`built with LLVM ${native().llvmBuiltWith}; .* is ${upgraded}, and fits`))
  })

  test('of another series is refused, with both versions', () => {
    const { exitCode, stderr } = link(library('minor', { minor: MINOR + 1 }), '--distribute=local')
    assert.equal(exitCode, 1)
    const other = `${String(MAJOR)}.${String(MINOR + 1)}.${String(PATCH)}`
    assert.ok(
      stderr.includes(`libLLVM that was loaded is ${other}, and dtlto was built with ${native().llvmBuiltWith}`),
    )
    assert.match(stderr, /\n {2}install a dtlto that was built with that LLVM/)
  })

  test('of the same series that lacks what dtlto needs is refused, with both versions', () => {
    const libraries = library('lacking', { patch: PATCH + 1 })
    const [name = ''] = readdirSync(libraries)
    const bytes = readFileSync(join(libraries, name))
    const symbol = bytes.indexOf(`\0${NEEDED}`)
    assert.ok(symbol >= 0)
    bytes[symbol + 1] = 'X'.charCodeAt(0)
    writeFileSync(join(libraries, name), bytes)
    const { exitCode, stderr } = link(libraries, '--distribute=local')
    assert.equal(exitCode, 1)
    assert.match(stderr, /they do not fit: .*undefined symbol/)
    assert.ok(stderr.includes(native().llvmBuiltWith))
  })
})
