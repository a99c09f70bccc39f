import assert from 'node:assert/strict'
import { it } from 'node:test'
import { concurrency, fuzzCount, fuzzSeed, fuzzTimeMs } from './environment.js'
import { fuzzOne } from './fuzz/fuzz-one.js'
import { subjects } from './fuzz/subjects.js'

/** Shares of all inputs. Stock lld crashes on some: there is nothing to compare with. */
const LEAST_SAME = 0.9
const MOST_FORGIVEN = 0.01

/**
 * Damaged modules and archives: dtlto links, refuses and reports as the stock linker does, and neither hangs nor crashes
 * where that does not. Input N is always the same; DTLTO_FUZZ_SEED=N DTLTO_FUZZ_COUNT=1 runs it alone.
 */
it(`damaged inputs from number ${fuzzSeed} give what they give with the stock linker`, async (context) => {
  const ends = performance.now() + fuzzTimeMs
  const counts = new Map<string, number>()
  const differences: string[] = []
  let next = fuzzSeed
  const worker = async (): Promise<void> => {
    while (next < fuzzSeed + fuzzCount && performance.now() < ends && differences.length < 20) {
      const number = next++
      const subject = subjects[number % subjects.length]
      assert.ok(subject)
      const outcome = await fuzzOne(subject, number)
      const kind = outcome.kind === 'same' ? `same, stock ${outcome.stock}` : outcome.kind
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
      if (outcome.kind === 'differed once') context.diagnostic(`differed once: ${outcome.text}`)
      if (outcome.kind === 'differs') differences.push(`${outcome.text}\n  kept in build/parity/${outcome.directory}`)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  context.diagnostic(`${next - fuzzSeed} inputs: ${[...counts].map(([kind, count]) => `${kind} ${count}`).join('; ')}`)
  assert.equal(differences.length, 0, differences.join('\n'))
  // Else the test could pass without comparing anything.
  const inputs = next - fuzzSeed
  const count = (...kinds: string[]): number => kinds.reduce((sum, kind) => sum + (counts.get(kind) ?? 0), 0)
  const same = count('same, stock links', 'same, stock refuses')
  const forgiven = count('not deterministic', 'differed once')
  assert.ok(same >= LEAST_SAME * inputs, `only ${same} of ${inputs} inputs gave the same`)
  assert.ok(forgiven <= Math.max(1, MOST_FORGIVEN * inputs), `${forgiven} of ${inputs} inputs were forgiven`)
  if (inputs >= fuzzCount) assert.ok(count('same, stock links') > 0 && count('same, stock refuses') > 0)
})
