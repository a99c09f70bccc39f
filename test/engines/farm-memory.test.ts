/**
 * What the linker of a real program holds in memory while all its jobs are elsewhere, against stock lld, which compiles them: over the emulated farm, whose servers answer at once. With DTLTO_TEST_FULL=1
 * git, too.
 *
 *     DTLTO_TEST_FULL=1 node scripts/test.mjs engines/farm-memory
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { linkOverFarm, record } from '../../bench/farm/farm-link.js'
import { Recordings } from '../../bench/farm/recordings.js'
import { mebibytes } from '../../bench/format.js'
import { linkCommand } from '../../bench/linkers.js'
import { measure } from '../../bench/measure.js'
import { prepare, type Program, type ProgramName } from '../programs/programs.js'

const MIB = 1024 * 1024
const SLOTS = 200
/** Beyond stock lld's own peak: Node with what it needs, and what is on its way. */
const MOST_MIB = { reapi: 60, distcc: 100 }
const PROGRAMS: readonly ProgramName[] = process.env['DTLTO_TEST_FULL'] === '1' ? ['redis', 'git'] : ['redis']

for (const name of PROGRAMS) {
  describe(`the linker's memory with ${String(SLOTS)} slots, ${name}`, () => {
    let directory = ''
    let program: Program
    let stockBytes = 0

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'dtlto-farm-memory-'))
      program = await prepare(name)
      stockBytes = (await measure(await linkCommand('stock', program, [], 'farm-memory-stock'))).peakBytes
    })
    after(() => rm(directory, { recursive: true, force: true }))

    for (const wire of ['reapi', 'distcc'] as const) {
      test(`over ${wire} is at most ${String(MOST_MIB[wire])} MiB more than stock lld's`, async (context) => {
        const recordings = new Recordings(join(directory, wire))
        await record(program, wire, recordings)
        const { sample } = await linkOverFarm(program, wire, recordings, SLOTS)
        context.diagnostic(`${mebibytes(sample.peakBytes)}, stock lld ${mebibytes(stockBytes)}`)
        assert.ok(sample.peakBytes <= stockBytes + MOST_MIB[wire] * MIB, mebibytes(sample.peakBytes))
      })
    }
  })
}
