/** A server's process and all that it has started, in a process group of their own: nothing of it outlives a test. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { until } from './until.js'

const PATIENCE_MS = 3_000
const START_MS = 60_000

export class ServerProcess {
  /** What it has printed. */
  log = ''
  readonly #child: ChildProcess

  constructor(
    program: string,
    args: readonly string[],
    options: Pick<SpawnOptions, 'env' | 'uid' | 'gid' | 'cwd'> = {},
  ) {
    this.#child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#child.on('error', (error) => (this.log += error.message))
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.log += chunk.toString()))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The server and what it has started. */
  signal(name: NodeJS.Signals): void {
    if (this.isRunning && this.pid !== undefined) process.kill(-this.pid, name)
  }

  /** Ends it at once. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Lets it end by itself, for some seconds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const late = setTimeout(() => this.signal('SIGKILL'), PATIENCE_MS)
    await this.#end(signal)
    clearTimeout(late)
  }

  /** Rejects if the process ends before somebody listens at its port. */
  async listens(port: number, what: string, host = '127.0.0.1'): Promise<void> {
    const isListening = async (): Promise<boolean> => {
      if (!this.isRunning) throw new Error(`${what} ended: ${this.log}`)
      return await answers(port, host)
    }
    await until(isListening, `${what} listens`, START_MS)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.signal(signal)
    await gone
  }
}

function answers(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
