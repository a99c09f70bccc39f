/** A link whose jobs go to machines over ssh, for tests of what goes wrong with them. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SshUser } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { compile, DTLTO, must, type Ran, slowProgram, STOCK } from '../link/toolchain.js'

export class SshLink {
  readonly cwd = mkdtempSync(join(tmpdir(), 'dtlto-ssh-link-'))
  readonly objects: readonly string[]
  readonly #stock: Buffer
  readonly #user: SshUser
  #outputs = 0

  /** Jobs of about `functions` times 30 ms. */
  constructor(user: SshUser, functions = 12) {
    this.#user = user
    this.objects = compile(this.cwd, slowProgram(6, functions), ['-fPIC'])
    must(STOCK, ['-shared', ...this.objects, '-o', 'stock'], { cwd: this.cwd })
    this.#stock = readFileSync(join(this.cwd, 'stock'))
  }

  /** `whileItRuns` is given the linker's process. */
  async run(
    args: readonly string[],
    whileItRuns: (linker: ChildProcess) => Promise<void> = () => Promise.resolve(),
    env: Readonly<Record<string, string>> = {},
  ): Promise<Ran & { readonly output: string }> {
    const output = `out${String(this.#outputs++)}`
    const all = ['-shared', ...this.objects, '-o', output, ...args]
    const linker = spawn(DTLTO, all, { cwd: this.cwd, env: { ...process.env, ...this.#user.env, ...env } })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      linker[name].on('data', (bytes: Buffer) => (text[name] += String(bytes)))
    const ended = new Promise<number | null>((resolve) => linker.on('close', resolve))
    await whileItRuns(linker)
    return { exitCode: await ended, ...text, output }
  }

  /** The link has gone well, with stock lld's bytes; gives what it printed, except that machines took their time: this one may be busy. */
  async identical(...args: Parameters<SshLink['run']>): Promise<string> {
    const { exitCode, stderr, output } = await this.run(...args)
    assert.equal(exitCode, 0, stderr)
    assert.ok(readFileSync(join(this.cwd, output)).equals(this.#stock), `${output} differs from stock`)
    return stderr.replace(/^.*: distributor 'ssh' has (taken no work for|not compiled any of) .*\n/gm, '')
  }

  remove(): void {
    rmSync(this.cwd, { recursive: true, force: true })
  }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20)
}
