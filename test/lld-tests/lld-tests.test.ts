/**
 * One format a run, another every day; `DTLTO_LLD_TESTS=ELF,COFF` names others, `DTLTO_LLD_TESTS=all` or `DTLTO_TEST_FULL=1` all.
 * run.ts does the same by hand.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { withLock } from '../../scripts/lock.mjs'
import { compareModes, describeDifference } from './compare-modes.js'
import { type Format, FORMATS, isFormat, selectTests } from './selection.js'
import { lldTests, NoLldTests, WORK } from './source.js'

const DAY_MS = 24 * 60 * 60 * 1000

function formats(): readonly Format[] {
  const named = process.env['DTLTO_LLD_TESTS']?.split(',') ?? []
  if (named.includes('all') || process.env['DTLTO_TEST_FULL']) return FORMATS
  if (named.length > 0) return named.filter(isFormat)
  return FORMATS.filter((_, i) => i === Math.floor(Date.now() / DAY_MS) % FORMATS.length)
}

it('LLVM’s own tests of LTO give what they give with stock lld', async (context) => {
  const source = await lldTests().catch((error: unknown) => {
    if (error instanceof NoLldTests) return error
    throw error
  })
  if (source instanceof NoLldTests) {
    context.skip(`no source of LLVM to be had: ${source.message}`)
    return
  }
  await withLock(join(WORK, 'run.lock'), async () => {
    for (const format of formats()) {
      const tests = await selectTests(join(source.directory, 'lld/test'), format)
      const { stock, byMode } = await compareModes(source, tests)
      context.diagnostic(`${format}: ${tests.length} tests, ${stock.links.size} links`)
      assert.ok(stock.links.size > 0, `no test of ${format} linked anything`)
      for (const [mode, differences] of byMode) {
        assert.deepEqual(differences.map(describeDifference), [], `${format}, ${mode}`)
      }
    }
  })
})
