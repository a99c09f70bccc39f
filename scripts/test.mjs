/**
 * Runs the tests: first those of the packages and of bench/, then those of whole links in test/.
 *
 *     node scripts/test.mjs [FILTER...] [--OPTION-OF-NODE...]     FILTER: part of a test file's path; one that
 *                                                             matches no file is an error
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

/** A test file of whole links may build a program first; nothing should take longer than this. Whole matrices of large programs do. */
const FILE_TIMEOUT_MS = (process.env['DTLTO_TEST_FULL'] === '1' ? 120 : 20) * 60_000

const args = process.argv.slice(2)
const filters = args.filter((argument) => !argument.startsWith('-'))
const nodeOptions = args.filter((argument) => argument.startsWith('-'))

// Node 20's test runner expands no patterns.
const packages = readdirSync(join(ROOT, 'packages')).sort()
const all = [...packages.flatMap((name) => testsIn(`packages/${name}/src`)), ...testsIn('bench'), ...testsIn('test')]
const files = all.filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))

// Each of them: a list of filters outlives the names of files.
const idle = filters.filter((filter) => !all.some((file) => file.includes(filter)))
if (files.length === 0 || idle.length > 0) {
  console.error(`test: error: no test file ${idle.length === 0 ? 'found' : `matches '${idle.join("', '")}'`}`)
  process.exit(1)
}

// What a link says and does depends on these; a test that looks at one sets it. With CI a link of ten seconds shows its progress.
const { CI: _ci, MAKEFLAGS: _flags, DISTCC_HOSTS: _hosts, ...env } = process.env

const { status } = spawnSync(
  process.execPath,
  [
    '--import',
    'tsx',
    '--test',
    '--test-concurrency=2',
    `--test-timeout=${FILE_TIMEOUT_MS}`,
    `--test-reporter=${join(ROOT, 'scripts/test-reporter.mjs')}`,
    '--test-reporter-destination=stdout',
    ...nodeOptions,
    ...files,
  ],
  { cwd: ROOT, env, stdio: 'inherit' },
)
process.exit(status ?? 1)

/**
 * @param {string} directory relative to the root
 * @returns {readonly string[]}
 */
function testsIn(directory) {
  if (!existsSync(join(ROOT, directory))) return []
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
    .sort()
    .map((name) => `${directory}/${name}`)
}
