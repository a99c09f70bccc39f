/** stdout and stderr belong to the whole build: a link must not make them non-blocking for the others. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { compile, DTLTO, inTemporaryDirectory, run, SMALL_PROGRAM } from '../link/toolchain.js'

const LINK = ['-shared', '-o', 'out.so', 'main.o', 'twice.o', 'add.o']
/** fcntl(2) of 1 and 2, in the same place before and after. */
const SCRIPT = `
flags() { grep ^flags /proc/self/fdinfo/3 /proc/self/fdinfo/4 >> flags; }
exec 3>&1 4>&2
flags
"$@" || echo failed
flags
`
const NONBLOCK = 0o4000
/** A distributor that prints, in both of the ways in which its author may. */
const TALKS = `export default { name: 'talks', apiVersion: '2.0.0', options: {}, open: async () => {
  console.log('by console.log')
  process.stderr.write('by process.stderr\\n')
  return { endpoints: () => [], compile: () => Promise.reject(new Error('never')), close: async () => undefined }
} }
`

describe('pipes that a link has for stdout and stderr block as before', () => {
  for (const options of ['worker', 'distcc,hosts=127.0.0.1:1,stats-port=0', './talks.mjs']) {
    test(`with --distribute=${options}`, () =>
      inTemporaryDirectory((cwd) => {
        compile(cwd, SMALL_PROGRAM)
        writeFileSync(join(cwd, 'talks.mjs'), TALKS)
        const args = ['-c', SCRIPT, 'sh', DTLTO, ...LINK, `--distribute=${options}`]
        const { exitCode, stdout, stderr } = run('sh', args, { cwd })
        assert.deepEqual([exitCode, stdout], [0, options === './talks.mjs' ? 'by console.log\n' : ''], stderr)
        if (options === './talks.mjs') assert.match(stderr, /^by process\.stderr$/m)
        const flags = readFileSync(join(cwd, 'flags'), 'utf8').match(/\d+$/gm) ?? []
        assert.equal(flags.length, 4)
        for (const each of flags) assert.equal(parseInt(each, 8) & NONBLOCK, 0, flags.join())
      }))
  }
})
