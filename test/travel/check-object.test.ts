import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inTemporaryDirectory } from '../link/toolchain.js'
import { coffX64, machoArm64, wasm32, x86_64 } from '../parity/targets.js'
import { withJobs } from './jobs.js'
import { compileFor, stockLinker } from './small-links.js'

describe('an object from elsewhere', () => {
  for (const target of [x86_64, coffX64, machoArm64, wasm32]) {
    test(`is looked at on another thread, as it was when it was handed over (${target.name})`, () =>
      inTemporaryDirectory(async (cwd) => {
        const inputs = compileFor(target, cwd).map((object) => join(cwd, object))
        const out = target.flavour === 'coff' ? [`/out:${join(cwd, 'out')}`] : ['-o', join(cwd, 'out')]
        await withJobs([stockLinker(target), ...target.program, ...inputs, ...out], async (jobs, { native }) => {
          for (const { index } of jobs) {
            const object = Buffer.from(await native.compileToMemory(index))
            const verdict = native.checkObject(index, object)
            object.fill(0)
            assert.equal(await verdict, '')
            assert.notEqual(await native.checkObject(index, object), '')
            assert.equal(await native.checkObject(index, new Uint8Array(0)), 'empty')
          }
        })
      }))
  }
})
