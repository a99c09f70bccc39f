import { parseArgs } from 'node:util'
import { concurrency } from './environment.js'
import { createLimit } from './limit.js'
import { title } from './parity-case.js'
import { createResults } from './results.js'
import { clearWork, currentMode, runCase } from './runner.js'
import { selectCases } from './suite.js'
import { printTable } from './table.js'

/**
 * The suite without a test runner: `node --import tsx test/parity/cli.ts [PATTERN] [--list] [--quiet]`.
 * Cases that differ leave both sides under build/parity/work. DTLTO_PARITY_LINKER=stock compares the stock linker with
 * itself: what fails then is not deterministic in stock lld.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, quiet: { type: 'boolean' } },
})

const cases = selectCases(positionals[0])
if (values.list) {
  for (const test of cases) console.log(title(test))
} else {
  if (positionals.length === 0) clearWork()
  const results = createResults(currentMode())
  const limit = createLimit(concurrency)
  const started = performance.now()
  await Promise.all(
    cases.map((test) =>
      limit(async () => {
        const outcome = await runCase(test)
        results.add(test, outcome)
        if (!values.quiet || outcome.kind === 'failed') console.log(`${outcome.kind.padEnd(9)} ${title(test)}`)
        if ('reason' in outcome) console.log(`          ${outcome.reason}`)
        if ('differences' in outcome) for (const text of outcome.differences) console.log(`          ${text}`)
      }),
    ),
  )
  if (positionals.length === 0) results.save()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`\n${printTable(results.lines)}\n${cases.length} cases in ${seconds} s`)
  process.exitCode = results.lines.some(({ outcome }) => outcome === 'failed') ? 1 : 0
}
