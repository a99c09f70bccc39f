/** A program to link over distccd servers, with each link a process of its own, so that servers can be hurt meanwhile. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, DTLTO, must, type Ran, slowProgram, STOCK, LLVM_MAJOR } from '../link/toolchain.js'

export interface TimedRun extends Ran {
  readonly wallMs: number
}

export class DistccLink {
  readonly directory: string
  /** Inputs and options, without an output. */
  readonly args: readonly string[]

  /** `modules` and one more; the backend of each takes some 10 ms for each of its functions. Half of them are in an archive. */
  constructor(modules: number, functions: number) {
    this.directory = mkdtempSync(join(tmpdir(), 'dtlto '))
    const cwd = this.directory
    const objects = compile(cwd, slowProgram(modules, functions), ['-g'])
    const half = Math.floor(modules / 2)
    must(`llvm-ar-${LLVM_MAJOR}`, ['rc', 'lib some.a', ...objects.slice(half)], { cwd })
    this.args = ['-e', 'main', ...objects.slice(0, half), '--whole-archive', 'lib some.a', '--no-whole-archive']
    must(STOCK, [...this.args, '-o', 'stock'], { cwd })
  }

  start(options: readonly string[], env = process.env): Promise<TimedRun> {
    const startMs = performance.now()
    const child = spawn(DTLTO, [...this.args, '-o', 'out', ...options], {
      cwd: this.directory,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr, wallMs: performance.now() - startMs }))
    })
  }

  /** Whether the last link has the bytes of stock lld; its output is removed. */
  isIdentical(): boolean {
    const bytes = readFileSync(join(this.directory, 'out'))
    rmSync(join(this.directory, 'out'))
    return bytes.equals(readFileSync(join(this.directory, 'stock')))
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** `--distribute` for servers with two slots each and no statistics: the harder case. */
export function distributeTo(servers: readonly { readonly address: string }[]): string {
  return `--distribute=distcc,stats-port=0,hosts=${servers.map(({ address }) => `${address}/2`).join('+')}`
}
