import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLANG, LLVM } from './llvm.js'

/** Why tests with a real server cannot run on this machine; undefined when they can. */
export function whyNoDistccd(): string | undefined {
  if (spawnSync('distccd', ['--version']).status !== 0) return `distccd is not installed (Debian package 'distcc')`
  for (const program of [CLANG, `ld.lld-${LLVM}`])
    if (spawnSync(program, ['--version']).status !== 0) return `${program} is not installed`
  if (!existsSync(`/usr/lib/distcc/${CLANG}`)) return `distccd does not allow ${CLANG}: run 'update-distcc-symlinks'`
  return undefined
}

export interface DistccdOptions {
  readonly jobs?: number
  readonly stats?: boolean
  /** Use these again: a restarted server. */
  readonly port?: number
  readonly statsPort?: number
  /** PATH of the server, where it finds its compilers. */
  readonly path?: string
  readonly allow?: string
  readonly jobLifetimeSeconds?: number
  /** For example ['ip', 'netns', 'exec', 'NAME']. */
  readonly wrapper?: readonly string[]
  readonly listen?: string
  /** An existing directory for the files of jobs. Default: one of its own. */
  readonly temporary?: string
  /** The compilers that it allows. Default: what `update-distcc-symlinks` has found. */
  readonly allowedCompilers?: readonly string[]
}

/** A real, unmodified distccd on loopback. */
export class Distccd {
  readonly port: number
  readonly statsPort: number
  readonly #child: ChildProcess
  readonly #listen: string
  readonly #options: DistccdOptions
  /** Its own directory. */
  readonly #home: string
  log = ''

  private constructor(
    child: ChildProcess,
    options: DistccdOptions,
    listen: string,
    port: number,
    statsPort: number,
    home: string,
  ) {
    this.#options = options
    this.#listen = listen
    this.#child = child
    this.port = port
    this.statsPort = statsPort
    this.#home = home
    child.stderr?.on('data', (chunk: Buffer) => (this.log += chunk.toString()))
  }

  static async start(options: DistccdOptions = {}): Promise<Distccd> {
    const home = mkdtempSync(join(tmpdir(), 'dtlto-distccd-'))
    chmodSync(home, 0o1777)
    return Distccd.#start(options, home)
  }

  static async #start(options: DistccdOptions, home: string): Promise<Distccd> {
    const port = options.port ?? (await freePort())
    const statsPort = options.statsPort ?? (await freePort())
    const listen = options.listen ?? '127.0.0.1'
    const { allowedCompilers: allowed } = options
    if (allowed !== undefined) writeFileSync(join(home, 'allowed'), allowed.map((name) => `${name}\n`).join(''))
    const cmdlist = allowed === undefined ? {} : { DISTCC_CMDLIST: join(home, 'allowed') }
    const stats = options.stats === false ? [] : ['--stats', '--stats-port', String(statsPort)]
    const lifetime =
      options.jobLifetimeSeconds === undefined ? [] : ['--job-lifetime', String(options.jobLifetimeSeconds)]
    const args = ['--daemon', '--no-detach', '--log-stderr', '--listen', listen, '-p', String(port)]
    args.push('-a', options.allow ?? '127.0.0.1', '-j', String(options.jobs ?? 2), ...stats, ...lifetime)
    const [command, ...rest] = [...(options.wrapper ?? []), executable('distccd'), ...args]
    const child = spawn(command as string, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Its own process group: the children must not outlive a test.
      detached: true,
      env: { PATH: options.path ?? '/usr/bin:/bin', TMPDIR: options.temporary ?? home, ...cmdlist },
    })
    const server = new Distccd(child, options, listen, port, statsPort, home)
    await waitForPort(port, listen)
    return server
  }

  get host(): string {
    return this.#listen
  }

  get address(): string {
    return `${this.#listen}:${this.port}`
  }

  /** The processes that serve connections: children of the parent, which only accepts the statistics. */
  children(): number[] {
    return childrenOf(this.#parent())
  }

  /** Compilers that run below the serving processes. */
  compilers(): number[] {
    return this.children().flatMap((pid) => childrenOf(pid))
  }

  /**
   * How many of its children run a compiler. They are looked at one after the other, while compilers end and begin; but a child runs one at a time, so that
   * this is at most what there may be.
   */
  compiling(): number {
    return this.children().filter((pid) => childrenOf(pid).length > 0).length
  }

  signalChildren(signal: NodeJS.Signals): void {
    for (const pid of this.children()) kill(pid, signal)
  }

  signalCompilers(signal: NodeJS.Signals): void {
    for (const pid of this.compilers()) kill(pid, signal)
  }

  /** Parent and children, compilers not. */
  signalAll(signal: NodeJS.Signals): void {
    const children = this.children()
    kill(this.#parent(), signal)
    for (const pid of children) kill(pid, signal)
  }

  #parent(): number {
    // With --no-detach the process started is the parent itself, or the wrapper has become it by exec.
    return this.#child.pid as number
  }

  /** Kills it, but not the compilers that it has started, and starts another one in its place: stop that one only. */
  async restart(): Promise<Distccd> {
    this.signalAll('SIGKILL')
    await untilRefused(this.port, this.#listen)
    return Distccd.#start({ ...this.#options, port: this.port, statsPort: this.statsPort }, this.#home)
  }

  async stop(): Promise<void> {
    const group = this.#child.pid as number
    const all = [group, ...this.children(), ...this.compilers()]
    for (const pid of all) {
      kill(pid, 'SIGCONT')
      kill(pid, 'SIGKILL')
    }
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise((resolve) => this.#child.once('exit', resolve))
    }
    await untilRefused(this.port, this.#listen)
    rmSync(this.#home, { recursive: true, force: true })
  }
}

/** Killed children hold the listening socket until the kernel has cleared them away. */
async function untilRefused(port: number, host: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host)
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      socket.setTimeout(100, () => resolve(false))
      socket.once('close', () => undefined)
      socket.on('connect', () => socket.destroy())
    })
    if (!connected) return
    await sleep(10)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function waitForPort(port: number, host: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (performance.now() < deadlineMs) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host, timeout: 1000 })
      const end = (isOpen: boolean) => (): void => {
        socket.destroy()
        resolve(isOpen)
      }
      socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
    })
    if (open) return
    await sleep(20)
  }
  throw new Error(`distccd does not listen on port ${port}`)
}

function childrenOf(pid: number): number[] {
  const found: number[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // distccd leaves compilers that it has killed as zombies until its process ends.
      if (Number(parent) === pid && state !== 'Z') found.push(Number(entry))
    } catch {
      // gone meanwhile
    }
  }
  return found
}

/** The path of a program, found with this process's PATH: the server gets another one. */
function executable(name: string): string {
  const directories = (process.env['PATH'] ?? '').split(':')
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path)) ?? name
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // gone already
  }
}
