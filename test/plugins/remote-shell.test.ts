import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codegenProgram } from '@dtlto/native'
import { conformance } from '@dtlto/testkit'
import remoteShell from '../../examples/remote-shell/index.js'
import { compile, DTLTO, inTemporaryDirectory, must, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const PATH = fileURLToPath(new URL('../../examples/remote-shell/index.js', import.meta.url))

/**
 * In place of ssh: a shell without the linker's environment, with a directory for each host, which outlives the client, as sshd's does. `gone` is a
 * host that nobody reaches, `old` has another LLVM.
 */
const directory = mkdtempSync(join(tmpdir(), 'dtlto-remote-shell-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const SHELL = join(directory, 'shell')
writeFileSync(
  SHELL,
  `#!/bin/sh
[ "$1" = gone ] && { echo "connect to host gone: no route" >&2; exit 255; }
cd '${directory}/'"$1" && env -i PATH="$PWD:/usr/bin:/bin" sh -c "$2"
`,
  { mode: 0o755 },
)
for (const [host, script] of [
  ['one', `exec ${codegenProgram()} "$@"`],
  ['two', `exec ${codegenProgram()} "$@"`],
  ['old', 'echo dtlto-codegen job 1 options 1 llvm 21.1.0'],
] as const) {
  mkdirSync(join(directory, host), { recursive: true })
  writeFileSync(join(directory, host, 'dtlto-codegen'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

conformance({
  definition: remoteShell,
  options: { hosts: ['one/1', 'two/2'], shell: [SHELL] },
  badOptions: [{ hosts: [] }],
  distribute: `${PATH},hosts=one/1+two/2,shell=${SHELL}`,
})

describe('a link with the remote-shell example', () => {
  const link = (hosts: string, use: (stderr: string) => void): Promise<void> =>
    inTemporaryDirectory((cwd) => {
      const objects = compile(cwd, SMALL_PROGRAM)
      must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
      const ours = [`--distribute=${PATH},hosts=${hosts},shell=${SHELL}`, '--distribute-fallback=none']
      const { exitCode, stderr } = run(DTLTO, ['-shared', ...objects, '-o', 'ours', ...ours], { cwd })
      assert.equal(exitCode, 0, stderr)
      assert.ok(readFileSync(join(cwd, 'ours')).equals(readFileSync(join(cwd, 'stock'))))
      use(stderr)
    })

  test('has the bytes of stock lld, and leaves nothing at the hosts', async () => {
    await link('one/2+two/2', (stderr) => assert.equal(stderr, ''))
    for (const host of ['one', 'two']) assert.deepEqual(readdirSync(join(directory, host)), ['dtlto-codegen'])
  })

  test('uses no host that is away or has another LLVM, and says so', () =>
    link('gone+old+one', (stderr) => {
      assert.match(stderr, /remote-shell: gone: .*connect to host gone: no route/)
      assert.match(stderr, /remote-shell: old has another LLVM: dtlto-codegen .* llvm 21\.1\.0/)
      assert.equal(stderr.match(/warning: /g)?.length, 2, stderr)
    }))
})
