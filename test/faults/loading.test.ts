/** Plugins that never get as far as open(): the link ends at once, with an error that says what was tried and what to do. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { compile, DTLTO, inTemporaryDirectory, type Ran, run } from '../link/toolchain.js'

const WORKS = `apiVersion: '2.0.0', options: {}, open: () => ({
  endpoints: () => [{ id: 'x', slots: 1, accepting: true }],
  compile: async () => ANSWER, close: async () => {}, destroy() {} })`

/** Links a module with the distributor `file`, which holds `text`. */
function linkWith(
  file: string,
  text: string,
  args: readonly string[] = [],
): Promise<Ran & { readonly linked: boolean }> {
  return inTemporaryDirectory((cwd) => {
    const [object = ''] = compile(cwd, { 'one.c': 'int one(void) { return 1; }' })
    mkdirSync(join(cwd, 'plugins'))
    if (text !== '') writeFileSync(join(cwd, 'plugins', file), text)
    const ran = run(DTLTO, ['-shared', object, '-o', 'out', `--distribute=plugins/${file}`, ...args], { cwd })
    return { ...ran, linked: existsSync(join(cwd, 'out')) }
  })
}

const CASES: Readonly<Record<string, { readonly file?: string; readonly text: string; readonly error: RegExp }>> = {
  'is not there': {
    text: '',
    error: /no distributor .* could be loaded\n {2}tried '.*plugin\.mjs': .*\n {2}give a built-in/,
  },
  'is no JavaScript': { text: 'a distributor', error: /tried '.*plugin\.mjs': Unexpected identifier/ },
  'is no shared library': {
    file: 'plugin.node',
    text: 'ELF?',
    error: /tried '.*plugin\.node': .*(too short|invalid ELF)/,
  },
  'throws when it is loaded': { text: `throw new Error('no licence')`, error: /tried '.*plugin\.mjs': no licence/ },
  'exports nothing': { text: 'export {}', error: /expected a distributor definition but received undefined/ },
  'exports half a definition': { text: `export default { name: 'x' }`, error: /expected apiVersion as a version/ },
  'has a name that nobody can write': {
    text: `export default { name: 'A B', ${WORKS} }`,
    error: /expected a name of lower-case/,
  },
  'is for a newer dtlto': {
    text: `export default { name: 'x', ${WORKS.replace('2.0.0', '2.99.0')} }`,
    error: /'x' was written for plugin API 2\.99\.0, but this dtlto has 2\./,
  },
  'is for an older dtlto': {
    text: `export default { name: 'x', ${WORKS.replace('2.0.0', '1.0.0')} }`,
    error: /'x' was written for plugin API 1\.0\.0, but this dtlto has 2\./,
  },
  'has an option without a type': {
    text: `export default { name: 'x', ${WORKS.replace('options: {}', 'options: { a: null }')} }`,
    error: /expected a type of string, integer, boolean or list for option 'a'/,
  },
  'throws when its definition is read': {
    text: `export default { get name() { throw new Error('a trap') }, ${WORKS} }`,
    error: /plugin\.mjs.*a trap/,
  },
  'never finishes loading': { text: `await new Promise(() => {}); export default {}`, error: /plugin\.mjs/ },
  'ends the process when it is loaded': { text: 'process.exit(0)', error: /plugin|ended/ },
}

describe('a link with a distributor that', { concurrency: 2 }, () => {
  for (const [sentence, { file = 'plugin.mjs', text, error }] of Object.entries(CASES)) {
    test(`${sentence} ends with an error, and never as if it had been a success`, async () => {
      const { exitCode, stderr, linked } = await linkWith(file, text)
      assert.equal(exitCode, 1, stderr)
      assert.equal(linked, false)
      assert.match(stderr, /^ld\.dtlto: error: /)
      assert.doesNotMatch(stderr, /defect of dtlto/)
      assert.match(stderr, error)
    })
  }

  test('ends the process with success in mid-link does not: its job is compiled in this process', async () => {
    const { exitCode, stderr, linked } = await linkWith(
      'plugin.mjs',
      `export default { name: 'x', ${WORKS.replace('ANSWER', 'process.exit(0)')} }`,
    )
    assert.equal(exitCode, 0, stderr)
    assert.ok(linked)
    assert.match(
      stderr,
      /^ld\.dtlto: warning: x: .*process\.exit\(\) by a distributor: only the linker ends its process\n$/,
    )
  })

  test('bears the name of a built-in is told from it in warnings', async () => {
    const { exitCode, stderr } = await linkWith(
      'plugin.mjs',
      `export default { name: 'local', ${WORKS.replace('ANSWER', 'Promise.reject(new Error("lost"))')} }`,
    )
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, /lost/)
  })

  test('was given an option that it does not have is an error that names its options', async () => {
    const { exitCode, stderr } = await linkWith('plugin.mjs', `export default { name: 'x', ${WORKS} }`, ['host=a'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /distributor 'x' has no option 'host': it has none/)
  })
})
