/** Memory and threads that the system refuses while a link runs. (Limits that Node itself cannot live with: test/launcher/limits.test.ts.) */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  compile,
  DTLTO,
  DTLTO_BIN,
  inTemporaryDirectory,
  LLVM_BIN,
  must,
  run,
  SMALL_PROGRAM,
  STOCK,
} from '../link/toolchain.js'

const DIST = fileURLToPath(new URL('../../packages/dtlto/dist/index.js', import.meta.url))
const NATIVE = fileURLToPath(new URL('../../packages/native/dist/index.js', import.meta.url))

test('memory that there is not ends a link in the words and by the signal of stock lld', () =>
  inTemporaryDirectory((cwd) => {
    // Four billion types, for which LLVM wants room before it reads them.
    writeFileSync(join(cwd, 'big.o'), Buffer.from('0061736d010000000106ffffffff0f00', 'hex'))
    const link = (linker: string, own: readonly string[]): string[] => {
      const shell = 'ulimit -c 0; ulimit -v 40000000; "$@" 2>&1; echo "ended $?"'
      const args = ['-c', shell, 'bash', linker, 'big.o', '--no-entry', '-o', 'out', ...own]
      const { stdout } = run('bash', args, { cwd, env: { LLVM_DISABLE_SYMBOLIZATION: '1' } })
      return stdout.split('\n').filter((line) => /^(LLVM ERROR|Allocation|PLEASE|ended|wasm-ld)/.test(line))
    }
    const stock = link(join(LLVM_BIN, 'wasm-ld'), [])
    assert.deepEqual(
      [stock[0], stock[1], stock.at(-1)],
      ['LLVM ERROR: out of memory', 'Allocation failed', 'ended 134'],
    )
    assert.deepEqual(link(join(DTLTO_BIN, 'wasm-ld.dtlto'), ['--distribute=local']), stock)
  }))

/** Leaves this process 100 MiB of address space, of which lld's thread, with this stack, takes 256 MiB. */
const NO_ROOM = `
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
const limit = (text) => execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + text + ':'])
export const forbid = () => limit((Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * 4096 + (100 << 20)))
export const allow = () => limit('unlimited')
`
const withLargeStack = (program: string, ...args: readonly string[]): [string, string[]] => [
  'sh',
  ['-c', 'ulimit -S -s 262144 && exec "$@"', 'sh', program, ...args],
]

test('a link that gets no thread for lld says so in one line', () =>
  inTemporaryDirectory((cwd) => {
    const objects = compile(cwd, SMALL_PROGRAM)
    writeFileSync(
      join(cwd, 'greedy.mjs'),
      `${NO_ROOM}forbid()\nexport default { name: 'greedy', apiVersion: '2.0.0', options: {}, open: () => { throw new Error('never') } }`,
    )
    const [shell, args] = withLargeStack(DTLTO, '-shared', '-o', 'out', ...objects, '--distribute=./greedy.mjs')
    assert.deepEqual(run(shell, args, { cwd }), {
      exitCode: 1,
      stdout: '',
      stderr:
        'ld.dtlto: error: the system gives this process no thread for lld: see its limits (ulimit -u, ulimit -v)\n',
    })
  }))

test('a program whose link gets no thread for lld hears of it, and can link when there is room again', () =>
  inTemporaryDirectory((cwd) => {
    const objects = compile(cwd, SMALL_PROGRAM)
    must(STOCK, ['-shared', '-o', 'stock', ...objects], { cwd })
    writeFileSync(join(cwd, 'room.mjs'), NO_ROOM)
    writeFileSync(
      join(cwd, 'program.mjs'),
      `import { allow, forbid } from './room.mjs'
       import { link } from ${JSON.stringify(DIST)}
       import { native } from ${JSON.stringify(NATIVE)}
       native()
       const request = { flavour: 'elf', args: ${JSON.stringify(['-shared', '-o', 'out', ...objects])} }
       forbid()
       const code = await link(request).then(() => 'none', (error) => error.code)
       allow()
       console.log(code, (await link(request)).exitCode)`,
    )
    const [shell, args] = withLargeStack(process.execPath, 'program.mjs')
    assert.deepEqual(run(shell, args, { cwd }), { exitCode: 0, stdout: 'DTLTO_NO_THREAD 0\n', stderr: '' })
    assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))))
  }))
