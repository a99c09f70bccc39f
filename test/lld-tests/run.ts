/**
 * Runs LLVM's own lld tests with stock lld and with dtlto, and prints where dtlto differs: a verdict, what a link printed
 * or its exit code, or a file.
 *
 *     node --import tsx test/lld-tests/run.ts [--mode=NAME]... [--format=NAME]... [--all] [FILTER...]
 *
 * Without options: the tests of LTO of all formats, in all modes. `--all`: every test of lld. FILTER: part of a test's path.
 * Results stay in build/lld-tests/results.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { withLock } from '../../scripts/lock.mjs'
import { compareModes, DTLTO_MODES } from './compare-modes.js'
import { FORMATS, isFormat, selectTests } from './selection.js'
import { lldTests, WORK } from './source.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mode: { type: 'string', multiple: true, default: [...DTLTO_MODES] },
    format: { type: 'string', multiple: true, default: [...FORMATS] },
    all: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  const log = (message: string) => void process.stderr.write(`${message}\n`)
  const source = await lldTests(log)
  log(source.about)
  const tests: string[] = []
  for (const format of values.format.filter(isFormat)) {
    tests.push(...(await selectTests(join(source.directory, 'lld/test'), format, values.all)))
  }
  const selected = tests.filter((test) => positionals.length === 0 || positionals.some((part) => test.includes(part)))
  log(`${selected.length} tests`)
  const wanted = DTLTO_MODES.filter((mode) => values.mode.includes(mode))
  const { byMode } = await compareModes(source, selected, wanted, log)
  return [...byMode.values()].every((differences) => differences.length === 0) ? 0 : 1
}

process.exitCode = await withLock(join(WORK, 'run.lock'), main)
