/** Real machines for ssh, on this one: each is an sshd, perhaps in a network namespace and in a root directory of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const SSHD = '/usr/sbin/sshd'
/** Of scripts/sanitize.mjs, for the dtlto-codegen on a machine: where its reports go. */
const SANITIZER_SETTINGS = ['ASAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS'].flatMap((name) =>
  process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`],
)

/** Why there can be none here; undefined when there can. */
export function whyNoSshd(): string | undefined {
  if (!existsSync(SSHD)) return "sshd is not installed (Debian package 'openssh-server')"
  if (spawnSync('ssh', ['-V']).status !== 0) return "ssh is not installed (Debian package 'openssh-client')"
  return undefined
}

export interface SshdOptions {
  /** A command that starts a program on another machine: Cable's. */
  readonly wrapper?: readonly string[]
  readonly address?: string
  /** Of the machine: the directory that its users see as `/`. */
  readonly root?: string
  /** $XDG_CACHE_HOME of who logs in, where it is not a directory of its own. */
  readonly cache?: string
  /** Further lines for sshd_config. */
  readonly config?: readonly string[]
}

/** What the machines of a test have in common: the user's key, configuration and known hosts, and an `ssh` that reads them. */
export class SshUser {
  readonly directory = mkdtempSync(join(tmpdir(), 'dtlto-ssh-'))
  readonly key = join(this.directory, 'key')
  readonly #config = join(this.directory, 'config')
  readonly #knownHosts = join(this.directory, 'known_hosts')
  readonly #machines: Sshd[] = []

  constructor() {
    keygen(this.key)
    writeFileSync(this.#config, '')
    writeFileSync(this.#knownHosts, '')
    const bin = join(this.directory, 'bin')
    mkdirSync(bin)
    mkdirSync(join(this.directory, 'run'))
    // ssh looks for ~/.ssh/config in the home directory of the user's account, whatever HOME says.
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${this.#config}' "$@"\n`)
    chmodSync(join(bin, 'ssh'), 0o755)
  }

  /** For a linker, beside what it has: this user's ssh. */
  get env(): Record<string, string> {
    return {
      PATH: `${join(this.directory, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      HOME: this.directory,
      XDG_RUNTIME_DIR: join(this.directory, 'run'),
      XDG_CACHE_HOME: join(this.directory, 'cache'),
    }
  }

  /** A machine by this name, which is known to the user. */
  async machine(name: string, options: SshdOptions = {}): Promise<Sshd> {
    const machine = await Sshd.start(name, this.key, join(this.directory, name), options)
    this.#machines.push(machine)
    this.reach(name, machine)
    this.know(name, machine.publicKey)
    return machine
  }

  /** Has `name` lead to the machine, by the ways that further lines say. */
  reach(name: string, machine: Sshd, more: readonly string[] = []): void {
    const lines = [
      `HostName ${machine.address}`,
      `Port ${machine.port}`,
      `User ${userInfo().username}`,
      `HostKeyAlias ${machine.name}`,
      `IdentityFile ${this.key}`,
      'IdentitiesOnly yes',
      `UserKnownHostsFile ${this.#knownHosts}`,
      'GlobalKnownHostsFile /dev/null',
      ...more,
    ]
    this.configure([`Host ${name}`, ...lines].join('\n  '))
  }

  /** Adds to ~/.ssh/config, before what is there: ssh takes the first value that it finds. */
  configure(lines: string): void {
    writeFileSync(this.#config, `${lines}\n${readFileSync(this.#config, 'utf8')}`)
  }

  /** Has the user know this key for the machine; undefined: none. */
  know(name: string, publicKey: string | undefined): void {
    const others = readFileSync(this.#knownHosts, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith(`${name} `))
    const lines = publicKey === undefined ? others : [...others, `${name} ${publicKey}`]
    writeFileSync(this.#knownHosts, lines.map((line) => `${line}\n`).join(''))
  }

  /** All machines. */
  async stop(): Promise<void> {
    await Promise.all(this.#machines.map((machine) => machine.stop()))
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export class Sshd {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly publicKey: string
  /** $XDG_CACHE_HOME of who logs in, seen from this machine. */
  readonly cache: string
  readonly #directory: string
  readonly #wrapper: readonly string[]
  readonly #mark: string
  #child: ChildProcess | undefined

  private constructor(name: string, directory: string, port: number, { address, wrapper, root, cache }: SshdOptions) {
    this.name = name
    this.#directory = directory
    this.#wrapper = wrapper ?? []
    this.address = address ?? '127.0.0.1'
    this.port = port
    this.publicKey = readFileSync(join(directory, 'host_key.pub'), 'utf8').trim()
    this.cache = cache ?? (root === undefined ? join(directory, 'cache') : join(root, 'var/cache/dtlto-test', name))
    this.#mark = `DTLTO_TEST_MACHINE=${process.pid}-${name}`
  }

  static async start(name: string, userKey: string, directory: string, options: SshdOptions): Promise<Sshd> {
    mkdirSync(directory)
    keygen(join(directory, 'host_key'))
    const machine = new Sshd(name, directory, options.wrapper === undefined ? await freePort() : 22, options)
    mkdirSync(machine.cache, { recursive: true })
    const seen = options.root === undefined ? machine.cache : machine.cache.slice(options.root.length)
    // sshd takes the first value that it finds.
    const config = [
      ...(options.config ?? []),
      `ListenAddress ${machine.address}:${machine.port}`,
      `HostKey ${join(directory, 'host_key')}`,
      `AuthorizedKeysFile ${userKey}.pub`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UseDNS no',
      `SetEnv ${[`XDG_CACHE_HOME=${seen}`, machine.#mark, ...SANITIZER_SETTINGS].join(' ')}`,
      ...(options.root === undefined ? [] : [`ChrootDirectory ${options.root}`]),
    ]
    writeFileSync(join(directory, 'sshd_config'), `${config.join('\n')}\n`)
    await machine.resume()
    return machine
  }

  /** Starts sshd, again. */
  async resume(): Promise<void> {
    // Where sshd keeps its unprivileged part.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    const command = [...this.#wrapper, SSHD, '-D', '-e', '-f', join(this.#directory, 'sshd_config')]
    const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    let log = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        if (log.includes('Server listening')) resolve()
      })
      child.on('exit', () => reject(new Error(`sshd has ended: ${log}`)))
    })
  }

  /** sshd and everything that runs on the machine. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.on('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }
    // The processes of connections are children of sshd, but do not end with it.
    for (const pid of this.sessions()) signal(pid, 'SIGKILL')
    for (const pid of this.processes()) signal(pid, 'SIGKILL')
    while (this.processes().length > 0) await sleep(10)
  }

  /** What runs for those who have logged in, whose command line contains this. */
  processes(commandLine = ''): number[] {
    return pids().filter(
      (pid) => proc(pid, 'environ').split('\0').includes(this.#mark) && proc(pid, 'cmdline').includes(commandLine),
    )
  }

  /** sshd's own processes for connections. */
  sessions(): number[] {
    return pids().filter((pid) => {
      if (!proc(pid, 'cmdline').startsWith('sshd')) return false
      const parents = [parentOf(pid), parentOf(parentOf(pid))]
      return this.#child !== undefined && this.#child.pid !== undefined && parents.includes(this.#child.pid)
    })
  }

  /** Of compilers and all that belongs to logins. */
  signal(name: NodeJS.Signals, commandLine = ''): void {
    for (const pid of this.processes(commandLine)) signal(pid, name)
  }

  /** The directory of the one toolchain that is there. */
  toolchain(): string {
    const parent = join(this.cache, 'dtlto/toolchain')
    const [name, ...more] = readdirSync(parent)
    if (name === undefined || more.length > 0)
      throw new Error(`${more.length + (name ? 1 : 0)} toolchains in ${parent}`)
    return join(parent, name)
  }
}

function keygen(path: string): void {
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`)
}

function pids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
}

function proc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return '' // it has ended, or is somebody else's
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(proc(pid, 'status'))?.[1] ?? 0)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
