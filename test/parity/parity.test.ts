import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { concurrency } from './environment.js'
import { title } from './parity-case.js'
import { createResults } from './results.js'
import { currentMode, runCase } from './runner.js'
import { selectCases } from './suite.js'

const results = createResults(currentMode())

describe(`dtlto and stock lld give the same (${currentMode()})`, { concurrency }, () => {
  for (const test of selectCases()) {
    it(title(test), async (context) => {
      const outcome = await runCase(test)
      results.add(test, outcome)
      if (outcome.kind === 'skipped') context.skip(outcome.reason)
      else if (outcome.kind === 'known') context.diagnostic(`known difference: ${outcome.reason}`)
      else if (outcome.kind === 'failed') assert.fail(outcome.differences.join('\n'))
    })
  }
})

after(() => results.save())
