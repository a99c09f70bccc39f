import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { compile, inTemporaryDirectory } from '../link/toolchain.js'
import { aarch64, coffX64, machoArm64, machoX64, output, wasm32, x86_64 } from '../parity/targets.js'
import { withJobs } from './jobs.js'
import { compileFor, stockLinker } from './small-links.js'

/** Modules whose objects are unusual, by what is so; `main.cpp` comes first in the link. */
const UNUSUAL = {
  'that names a group of sections by a symbol of the group itself': {
    'main.cpp': 'extern "C" int shared(); extern "C" int entry() { return shared(); }\n',
    // The destructors that are one function are in one group, which has a name of its own (D5).
    'virtual.cpp':
      'template <class T> struct Base { T value; virtual ~Base(); };\ntemplate <class T> Base<T>::~Base() { value = 1; }\n' +
      'void operator delete(void *, decltype(sizeof 0)) noexcept {}\ntemplate struct Base<int>;\nextern "C" int shared() { return 1; }\n',
  },
  'of a module of which the link keeps nothing': {
    'main.cpp': '__attribute__((weak)) int weak = 1; extern "C" int entry() { return weak; }\n',
    'other.cpp': '__attribute__((weak)) int weak = 2;\n',
  },
} as const

describe('an object from elsewhere', () => {
  for (const target of [x86_64, coffX64, machoArm64, wasm32]) {
    test(`is looked at on another thread, as it was when it was handed over (${target.name})`, () =>
      inTemporaryDirectory(async (cwd) => {
        const inputs = compileFor(target, cwd).map((object) => join(cwd, object))
        const out = target.flavour === 'coff' ? [`/out:${join(cwd, 'out')}`] : ['-o', join(cwd, 'out')]
        await withJobs([stockLinker(target), ...target.program, ...inputs, ...out], async (jobs, { native }) => {
          for (const { index } of jobs) {
            const object = Buffer.from(await native.compileToMemory(index))
            const verdict = native.checkObject(object)
            assert.equal(native.checkObjectNow(object), '')
            object.fill(0)
            assert.equal(await verdict, '')
            assert.notEqual(await native.checkObject(object), '')
            assert.equal(native.checkObjectNow(object), await native.checkObject(object))
            assert.equal(native.checkObjectNow(new Uint8Array(0)), 'empty')
          }
        })
      }))
  }

  for (const [what, sources] of Object.entries(UNUSUAL)) {
    for (const target of [x86_64, aarch64, coffX64, machoX64, machoArm64, wasm32]) {
      test(`is good when it is one ${what} (${target.name})`, () =>
        inTemporaryDirectory(async (cwd) => {
          const flags = [
            `--target=${target.triple}`,
            '-ffreestanding',
            '-fno-rtti',
            '-fno-exceptions',
            ...target.cflags,
          ]
          const inputs = compile(cwd, sources, flags).map((object) => join(cwd, object))
          // In a program everything becomes local, and groups are gone.
          const kind = target.flavour === 'elf' ? ['-shared'] : target.program
          const args = [...kind, ...inputs, ...output(target, join(cwd, 'out'))]
          await withJobs([stockLinker(target), ...args], async (jobs, { native }) => {
            assert.equal(jobs.length, inputs.length)
            for (const { index } of jobs) {
              assert.equal(await native.checkObject(Buffer.from(await native.compileToMemory(index))), '')
            }
          })
        }))
    }
  }
})
