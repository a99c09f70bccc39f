/** OpenSSH's client, as the user has configured it: keys, agent, ProxyJump, ControlMaster, compression, ~/.ssh/config. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import type { Host } from './hosts.js'

export interface SshFacts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly connectTimeoutMs: number
  readonly client: SshClient
}

/** The user's ssh. */
export interface SshClient {
  /** It knows NEWER_OPTIONS. */
  readonly isNewer: boolean
}

export interface SshEnd {
  /** Undefined for a signal, or when there is no ssh. */
  readonly exitCode: number | undefined
  /** What it has printed on stderr, or why it could not be started. */
  readonly text: string
}

const STDERR_BYTES = 16 * 1024
/** After ssh's end, for the last of its words: a master that stays in the background keeps stderr open for ever. */
const LAST_WORDS_MS = 200

/** Ours for this connection, whatever the configuration says. */
const OPTIONS = [
  // Nobody is there to be asked.
  'BatchMode=yes',
  'ConnectionAttempts=1',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=4',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'Tunnel=no',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'EscapeChar=none',
  // Banners are no errors.
  'LogLevel=ERROR',
]

/** Of OpenSSH 8.7 and later. Older ones end with an error; and `IgnoreUnknown` would take the place of the user's own. */
const NEWER_OPTIONS = ['ForkAfterAuthentication=no', 'StdinNull=no', 'SessionType=default']
const NEWER = { major: 8, minor: 7 }

/** Asks the user's ssh for its version. One that does not tell gets no options but those that all know. */
export function findClient(env: SshFacts['env']): Promise<SshClient> {
  return new Promise((resolve) => {
    execFile('ssh', ['-V'], { env: { ...env } }, (_error, stdout, stderr) => {
      const [, major, minor] = /OpenSSH_(\d+)\.(\d+)/.exec(`${stderr}${stdout}`) ?? []
      const isNewer = Number(major) > NEWER.major || (Number(major) === NEWER.major && Number(minor) >= NEWER.minor)
      resolve({ isNewer })
    }).on('error', () => undefined)
  })
}

export function sshArguments(
  { host, user, port }: Host,
  { connectTimeoutMs, client }: Pick<SshFacts, 'connectTimeoutMs' | 'client'>,
  command: string,
): string[] {
  const timeout = `ConnectTimeout=${Math.ceil(connectTimeoutMs / 1000)}`
  return [
    '-T',
    ...[...OPTIONS, ...(client.isNewer ? NEWER_OPTIONS : []), timeout].flatMap((option) => ['-o', option]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '--',
    host,
    command,
  ]
}

/** A process of ssh, in a session of its own: without a terminal to ask at, and out of reach of a Control-C that is meant for the linker. */
export class SshProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Resolves when it has ended. */
  readonly ended: Promise<SshEnd>
  readonly #child: ChildProcess
  #stderr = ''

  constructor(host: Host, command: string, facts: SshFacts) {
    const child: ChildProcess = spawn('ssh', sshArguments(host, facts, command), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...facts.env },
      detached: true,
    })
    this.#child = child
    // Where this process may have no more descriptors it has none of them, and an error follows.
    this.stdin = child.stdin ?? new PassThrough().resume()
    this.stdout = child.stdout ?? new PassThrough()
    // Its end says more.
    this.stdin.on('error', () => undefined)
    this.stdout.on('error', () => undefined)
    child.stderr?.on('error', () => undefined)
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_BYTES)
    })
    this.ended = new Promise((resolve) => {
      const end = (exitCode: number | undefined, text: string): void => resolve({ exitCode, text })
      child.on('error', (error: NodeJS.ErrnoException) =>
        end(
          undefined,
          error.code === 'ENOENT'
            ? "there is no program 'ssh': install OpenSSH's client"
            : `ssh cannot be started: ${error.message}`,
        ),
      )
      child.on('exit', (code, signal) => {
        const said = (): void =>
          end(code ?? undefined, this.#stderr.trim() || (signal === null ? '' : `ended by ${signal}`))
        child.on('close', said)
        setTimeout(said, LAST_WORDS_MS).unref()
      })
    })
  }

  /** Nothing of the link waits for it any more. */
  release(): void {
    this.stdin.end()
    this.#child.unref()
  }

  /** With what it has started: a ProxyCommand, for example. */
  kill(): void {
    this.stdin.destroy()
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
}
