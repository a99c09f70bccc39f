import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inTemporaryDirectory } from '../link/toolchain.js'
import { x86_64 } from '../parity/targets.js'
import { measureJobs } from './bytes.js'
import { compileFor } from './small-links.js'

/** A job also names symbols that stay outside of it, which upstream's shards leave out. */
const SHARDS_FACTOR = 1.25
/** The options' text, which is there once in a link. In a program of three tiny modules it is not small. */
const OPTIONS_BYTES = 6000

test('the jobs of a link have hardly more bytes than its bitcode and the shards of stock lld', () =>
  inTemporaryDirectory(async (cwd) => {
    const inputs = compileFor(x86_64, cwd, ['-g']).map((object) => join(cwd, object))
    const scratch = join(cwd, 'scratch')
    mkdirSync(scratch)
    const { jobs, unique, shards, named } = await measureJobs(['-shared', ...inputs], cwd, scratch)
    const bitcode = inputs.reduce((sum, path) => sum + readFileSync(path).length, 0)
    assert.equal(jobs, 3)
    assert.ok(shards > 0 && named > unique)
    const limit = bitcode + SHARDS_FACTOR * shards + OPTIONS_BYTES
    assert.ok(unique <= limit, `${String(unique)} bytes of ${String(limit)}`)
  }))
