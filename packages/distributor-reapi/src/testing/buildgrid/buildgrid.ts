/**
 * BuildGrid, a real engine with a scheduler: storage and action cache, a queue in PostgreSQL, and two workers, which reach it over the network as clients do. All speak
 * TLS and show certificates. It comes from the Python package index, once, into build/; its workers are bot.py with buildbox-run.
 *
 * What one must know: it takes seconds to start, some 0.2 s for the least of jobs, and several messages of an execution's stream; no failures are kept in its action
 * cache. It has no workers of its own, and takes PostgreSQL only; that one does not run as root.
 */
import { execFile, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CASD_PROGRAMS, IMAGE_MOUNTS, whyNoCasd } from '../casd.js'
import { Certificates, whyNoCertificates } from '../certificates.js'
import { freePort, ServerProcess } from '../server-process.js'
import { until } from '../until.js'

const PACKAGE = 'buildgrid[database]==0.4.4'
const DIRECTORY = fileURLToPath(new URL('../../../../../build/reapi/buildgrid-0.4.4', import.meta.url))
const OWN = fileURLToPath(new URL('.', import.meta.url))

export const INSTANCE = 'main'
/** What workers have, and jobs must ask for. */
export const PROPERTY = 'OSFamily=linux'
/** Its program: the script of that name has the path at which it was installed. */
const BGD = ['-c', 'from buildgrid.server.app import cli; cli()']
const WORKERS = ['worker-1', 'worker-2']

let installed: Promise<string | undefined> | undefined

/** Why tests with it cannot run on this machine; undefined when they can. Fetches it if need be. */
export function whyNoBuildGrid(): Promise<string | undefined> {
  return (installed ??= install())
}

async function install(): Promise<string | undefined> {
  const whyNot = (await whyNoCasd()) ?? whyNoCertificates()
  if (whyNot !== undefined) return whyNot
  if (postgresPrograms() === undefined) return "there is no PostgreSQL (Debian package 'postgresql')"
  if (existsSync(DIRECTORY)) return undefined
  mkdirSync(join(DIRECTORY, '..'), { recursive: true })
  const work = mkdtempSync(`${DIRECTORY}-`)
  const run = promisify(execFile)
  try {
    await run('python3', ['-m', 'venv', work])
    await run(join(work, 'bin/python'), ['-m', 'pip', 'install', '--quiet', PACKAGE])
    if (!existsSync(DIRECTORY)) renameSync(work, DIRECTORY)
    return undefined
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    return `${PACKAGE} cannot be fetched from the Python package index: ${(stderr ?? message).trim().split('\n').at(-1) ?? ''}`
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function postgresPrograms(): string | undefined {
  const base = '/usr/lib/postgresql'
  const version = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a))[0] : undefined
  return version === undefined ? undefined : join(base, version, 'bin')
}

export class BuildGrid {
  readonly port: number
  readonly certificates: Certificates
  readonly #state: string
  readonly #database: string
  readonly #env: NodeJS.ProcessEnv
  readonly #processes = new Map<string, ServerProcess>()

  private constructor(port: number) {
    this.port = port
    this.#state = mkdtempSync(join(tmpdir(), 'dtlto-buildgrid-'))
    // A folder of its own: it belongs to another user, and holds a socket, whose path must be short.
    this.#database = mkdtempSync(join(tmpdir(), 'dtlto-pg-'))
    this.certificates = new Certificates(this.#state)
    this.certificates.sign('server')
    this.certificates.sign('client')
    mkdirSync(join(this.#state, 'storage'))
    this.#env = {
      ...process.env,
      PATH: `${CASD_PROGRAMS}:${process.env['PATH'] ?? ''}`,
      DTLTO_ADDRESS: `127.0.0.1:${port}`,
      DTLTO_CERTIFICATES: this.#state,
      // The driver must be named: newer SQLAlchemy takes another one, with which jobs never end.
      DTLTO_DATABASE: `postgresql+psycopg2://bgd@/postgres?host=${this.#database}`,
      DTLTO_STORAGE: join(this.#state, 'storage'),
    }
  }

  /** Its workers are there already when this resolves, or come soon. */
  static async start(): Promise<BuildGrid> {
    const grid = new BuildGrid(await freePort())
    try {
      await grid.#startDatabase()
      await grid.#startServer()
      const casdPort = await grid.#startWorkersCache()
      for (const name of WORKERS) grid.#startWorker(name, casdPort)
      return grid
    } catch (error) {
      await grid.stop()
      throw error
    }
  }

  /** Options of the distributor. */
  get options(): string {
    const { directory } = this.certificates
    const tls = `tls_certificate=${directory}/ca.pem,tls_client_certificate=${directory}/client.pem,tls_client_key=${directory}/client.key`
    return `remote_executor=grpcs://127.0.0.1:${this.port},remote_instance_name=${INSTANCE},remote_default_exec_properties=${PROPERTY},${tls}`
  }

  get log(): string {
    return [...this.#processes].map(([name, { log }]) => `${name}: ${log.slice(-2000)}`).join('\n')
  }

  /** Whether a worker has a job: bot.py has started a program. */
  get isExecuting(): boolean {
    return WORKERS.some((name) => spawnSync('pgrep', ['-P', String(this.#processes.get(name)?.pid)]).status === 0)
  }

  /** Everything that was executed and stored stays: a restart of the scheduler. */
  async restartServer(): Promise<void> {
    await this.#processes.get('server')?.kill()
    await this.#startServer()
  }

  async killWorker(): Promise<void> {
    await this.#processes.get(WORKERS[0] as string)?.kill()
  }

  async stop(): Promise<void> {
    const database = this.#processes.get('postgres')
    await Promise.all([...this.#processes.values()].filter((each) => each !== database).map((each) => each.stop()))
    await database?.stop('SIGINT')
    for (const directory of [this.#state, this.#database])
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }

  async #startDatabase(): Promise<void> {
    const programs = postgresPrograms() ?? ''
    const user = process.getuid?.() === 0 ? postgresUser() : undefined
    if (user !== undefined) chownSync(this.#database, user.uid, user.gid)
    const data = join(this.#database, 'data')
    const args = ['-D', data, '-A', 'trust', '-U', 'bgd', '--no-sync']
    await promisify(execFile)(join(programs, 'initdb'), args, { ...user, cwd: this.#database })
    const settings = ['-c', 'listen_addresses=', '-k', this.#database, '-c', 'fsync=off']
    const options = { ...user, cwd: this.#database }
    const database = new ServerProcess(join(programs, 'postgres'), ['-D', data, ...settings], options)
    this.#processes.set('postgres', database)
    const isReady = (): boolean =>
      spawnSync(join(programs, 'pg_isready'), ['-h', this.#database, '-U', 'bgd', '-d', 'postgres']).status === 0
    await until(isReady, 'PostgreSQL answers', 30_000)
    await this.#python([...BGD, 'migrate', 'apply', this.#env['DTLTO_DATABASE'] as string])
  }

  async #startServer(): Promise<void> {
    const args = [...BGD, 'server', 'start', join(OWN, 'server.yml')]
    const server = new ServerProcess(join(DIRECTORY, 'bin/python'), args, { env: this.#env })
    this.#processes.set('server', server)
    await server.listens(this.port, 'BuildGrid')
  }

  /** In front of the workers, so that they fetch the toolchain once. */
  async #startWorkersCache(): Promise<number> {
    const port = await freePort()
    const { directory } = this.certificates
    const remote = [
      `--cas-remote=https://127.0.0.1:${this.port}`,
      `--cas-instance=${INSTANCE}`,
      `--cas-server-cert=${directory}/ca.pem`,
      `--cas-client-cert=${directory}/client.pem`,
      `--cas-client-key=${directory}/client.key`,
    ]
    const args = [...remote, `--bind=127.0.0.1:${port}`, '--log-level=warning', join(this.#state, 'casd')]
    const casd = new ServerProcess(join(CASD_PROGRAMS, 'buildbox-casd'), args, { env: this.#env })
    this.#processes.set('casd', casd)
    await casd.listens(port, 'buildbox-casd')
    return port
  }

  #startWorker(name: string, casdPort: number): void {
    const mounts = IMAGE_MOUNTS.map((pair) => `--ro-bind-mount=${pair}`)
    const runner = [join(CASD_PROGRAMS, 'buildbox-run'), `--remote=http://127.0.0.1:${casdPort}`, '--log-level=warning']
    const args = [`127.0.0.1:${this.port}`, INSTANCE, name, PROPERTY, this.certificates.directory, ...runner, ...mounts]
    const python = join(DIRECTORY, 'bin/python')
    this.#processes.set(name, new ServerProcess(python, [join(OWN, 'bot.py'), ...args], { env: this.#env }))
  }

  async #python(args: readonly string[]): Promise<void> {
    await promisify(execFile)(join(DIRECTORY, 'bin/python'), args, { env: this.#env })
  }
}

function postgresUser(): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}
