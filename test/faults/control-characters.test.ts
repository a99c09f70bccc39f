/** Nobody whose text a link shows, be it a plugin, a server or the name of a file, steers the terminal with it or forges a line. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compile, DTLTO, inTemporaryDirectory, run, SMALL_PROGRAM } from '../link/toolchain.js'

const HOSTILE = '\\u001b[2J\\r\\u009b1m\\u202e\\nld.dtlto: error: forged'

const PLUGIN = `
export default {
  name: 'hostile', apiVersion: '2.0.0', options: {},
  open: (context) => ({
    endpoints: () => [{ id: 'm ${HOSTILE}', slots: 1, accepting: true, text: '${HOSTILE}' }],
    compile: async (job) => {
      context.warn('kind', 'warned ${HOSTILE}')
      setTimeout(() => { throw new Error('raised ${HOSTILE}') })
      throw new Error('thrown ${HOSTILE}')
    },
    close: async () => {},
    destroy: () => {},
  }),
}`

/** Everything below a blank but ends of lines, DEL, C1 and marks of direction. */
const STEERING = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/

for (const fallback of ['local', 'none']) {
  test(`warnings, errors and the summary hold no control characters (fallback ${fallback})`, () =>
    inTemporaryDirectory((cwd) => {
      writeFileSync(join(cwd, 'plugin.mjs'), PLUGIN)
      const directory = join(cwd, 'a\x1b[31m\r\u202eb')
      mkdirSync(directory)
      const objects = compile(directory, SMALL_PROGRAM).map((object) => join(directory, object))
      const options = [`--distribute=${join(cwd, 'plugin.mjs')}`, `--distribute-fallback=${fallback}`]
      const args = ['-shared', ...objects, '-o', 'out', ...options, '--distribute-summary']
      const { exitCode, stdout, stderr } = run(DTLTO, args, { cwd })
      assert.equal(exitCode, fallback === 'local' ? 0 : 1, stderr)
      // Of lld's own words one is there without a fallback: it names the module by its path, as lld does.
      const ours = stderr.split('\n').filter((line) => !/^ld\.lld: |^>>> /.test(line))
      assert.doesNotMatch(stdout + ours.join('\n'), STEERING)
      assert.match(stderr, /warned \\x1B\[2J\\x0D\\x9B1m\\u202E/)
      assert.match(stderr, /raised \\x1B/)
      assert.match(stderr, /thrown \\x1B/)
      assert.ok(
        ours.every((line) => !line.startsWith('ld.dtlto: error: forged')),
        stderr,
      )
      if (fallback === 'local') assert.match(stderr, /slowest .*a\\x1B\[31m\\x0D\\u202Eb/)
    }))
}
