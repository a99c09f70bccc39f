import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Comparator } from './comparators.js'
import { coreProgram } from './inputs/programs.js'
import { type ParityCase, program } from './parity-case.js'
import { runCase } from './runner.js'
import { x86_64 } from './targets.js'

/** The judge itself: a suite that cannot fail proves nothing. */

const category = 'judge'
const always: Comparator = () => 'differs'

async function judge(options: Partial<ParityCase>, more: readonly string[] = []): Promise<string> {
  const test = { ...program(category, Object.keys(options).join(' '), x86_64, coreProgram(x86_64), more), ...options }
  const outcome = await runCase(test)
  return 'differences' in outcome ? `${outcome.kind}: ${outcome.differences.join('; ')}` : outcome.kind
}

it('takes equal links for identical', async () => {
  assert.equal(await judge({}), 'identical')
})

it('fails a case whose output differs', async () => {
  assert.equal(await judge({ compare: { out: always } }), 'failed: out: differs')
})

it('passes a difference that the case lists', async () => {
  assert.equal(await judge({ compare: { out: always }, knownDifference: 'for a reason' }), 'known: out: differs')
})

it('fails a listed difference that is none any more', async () => {
  assert.match(await judge({ knownDifference: 'for a reason' }), /^failed: listed as a known difference, but equal now/)
})

it('fails a case that the stock linker refuses, or accepts against its mark', async () => {
  assert.match(await judge({}, ['--nonsense']), /^failed: the case itself: the stock linker exits with 1/)
  assert.match(await judge({ fails: true }), /^failed: the case itself: the stock linker exits with 0/)
})

it('fails an option without effect that is not marked so, and the other way round', async () => {
  const against = program(category, 'plain', x86_64, coreProgram(x86_64)).links[0]?.args ?? []
  assert.match(await judge({ against }), /has no effect/)
  assert.match(await judge({ against, effect: 'none' }, ['--lto-O0']), /has an effect/)
  assert.equal(await judge({ against }, ['--lto-O0']), 'identical')
})

it('fails a case that does not make the file it is about', async () => {
  assert.match(await judge({ creates: ['out.map'] }), /makes no out\.map/)
})
