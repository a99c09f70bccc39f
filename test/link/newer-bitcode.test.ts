import { strict as assert } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { producerOf, producersOf } from '../../packages/dtlto/src/cli/bitcode-producer.js'
import { CLANG, DTLTO_BIN, inTemporaryDirectory, LLVM_BIN, LLVM_MAJOR, must, run } from './toolchain.js'

const NEWER = '99'
const CHAR6 = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._'
const isBitSet = (bytes: Buffer, at: number): boolean => (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) === 1
const bitsOf = (text: string): boolean[] =>
  Array.from(text).flatMap((character) =>
    Array.from({ length: 6 }, (_, bit) => ((CHAR6.indexOf(character) >> bit) & 1) === 1),
  )

function compile(cwd: string, name: string, ...options: readonly string[]): string {
  writeFileSync(join(cwd, `${name}.c`), `int ${name}(void) { return 1; }\n`)
  must(CLANG, ['-flto=thin', '-O2', '-fPIC', ...options, '-c', `${name}.c`, '-o', `${name}.o`], { cwd })
  return `${name}.o`
}

/** The same bitcode, as if a newer LLVM had written it. */
function withProducer(bitcode: Buffer, from: string, to: string): Buffer {
  const [old, wanted] = [bitsOf(`LLVM${from}`), bitsOf(`LLVM${to}`)]
  const changed = Buffer.from(bitcode)
  const at = Array.from({ length: 4096 }, (_, bit) => bit).find((begin) =>
    old.every((isSet, i) => isBitSet(bitcode, begin + i) === isSet),
  )
  assert.ok(at !== undefined, 'no producer')
  for (const [i, isSet] of wanted.entries()) {
    const [byte, mask] = [(at + i) >> 3, 1 << ((at + i) & 7)]
    changed[byte] = isSet ? (changed[byte] ?? 0) | mask : (changed[byte] ?? 0) & ~mask
  }
  return changed
}

describe('bitcode of a newer LLVM', () => {
  it("is known by its producer: in objects, in archives, behind the header of Apple's targets", () =>
    inTemporaryDirectory((cwd) => {
      const plain = compile(cwd, 'plain')
      const apple = compile(cwd, 'apple', '--target=arm64-apple-macos12')
      must(join(LLVM_BIN, 'llvm-ar'), ['rcs', 'both.a', plain, apple], { cwd })
      const version = /(\d+\.\d+\.\d+)/.exec(must(CLANG, ['--version'], { cwd }))?.[1]
      assert.equal(producerOf(readFileSync(join(cwd, plain))), version)
      assert.deepEqual([...producersOf(join(cwd, apple))], [version])
      assert.deepEqual([...producersOf(join(cwd, 'both.a'))], [version, version])
      // A header that names a place within itself.
      const within = readFileSync(join(cwd, apple))
      within.writeUInt32LE(0, 8)
      assert.equal(producerOf(within), version)
      for (const none of [cwd, join(cwd, 'absent'), join(cwd, 'plain.c'), CLANG])
        assert.deepEqual([...producersOf(none)], [])
    }))

  it('is named where a link fails, with the linker to take; not where it succeeds', () =>
    inTemporaryDirectory((cwd) => {
      const object = compile(cwd, 'newer')
      const newer = withProducer(readFileSync(join(cwd, object)), LLVM_MAJOR, NEWER)
      writeFileSync(join(cwd, object), newer)
      const link = (...inputs: readonly string[]) =>
        run(join(DTLTO_BIN, 'ld.dtlto'), ['-shared', '--distribute=local', ...inputs, '-o', 'out.so'], { cwd })
      assert.deepEqual(link(object), { exitCode: 0, stdout: '', stderr: '' })
      // What this LLVM cannot read.
      writeFileSync(join(cwd, object), newer.subarray(0, (newer.length >> 1) & ~3))
      writeFileSync(join(cwd, 'list.txt'), object)
      for (const input of [object, '@list.txt']) {
        const { exitCode, stderr } = link(input)
        assert.equal(exitCode, 1)
        assert.match(
          stderr,
          new RegExp(
            `^ld\\.dtlto: note: 'newer\\.o' has bitcode of LLVM ${NEWER}\\.\\S+, .*: take dtlto for LLVM ${NEWER}$`,
            'm',
          ),
        )
      }
      assert.doesNotMatch(link('absent.o').stderr, /note: /)
    }))
})
