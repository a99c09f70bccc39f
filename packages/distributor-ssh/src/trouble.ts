/** What goes wrong on the way to a machine, in words that say what to do. */
import { DtltoError } from 'dtlto/plugin'
import type { Host } from './hosts.js'
import type { SshEnd } from './ssh-process.js'

/** ssh's own exit code for trouble that is not the remote command's. */
const SSH_FAILED = 255

interface Known {
  readonly words: RegExp
  /** May it be otherwise in a few seconds? */
  readonly passes: boolean
  readonly advice: (words: HostWords) => string
}

/** A machine as OpenSSH's programs want it. */
interface HostWords {
  /** Behind `ssh`. */
  readonly ssh: string
  /** As known_hosts has it. */
  readonly known: string
}

function wordsOf({ host, user, port }: Pick<Host, 'host' | 'user' | 'port'>): HostWords {
  const options = port === undefined ? '' : `-p ${port} `
  return {
    ssh: `${options}${user === undefined ? '' : `${user}@`}${host}`,
    known: port === undefined || port === 22 ? host : `'[${host}]:${port}'`,
  }
}

/** Words of OpenSSH, which speaks English only. */
const KNOWN: readonly Known[] = [
  {
    words: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i,
    passes: false,
    advice: ({ ssh, known }) =>
      `its host key is not the one in known_hosts: somebody may be in between. If the machine was installed anew, remove the old key by "ssh-keygen -R ${known}" and connect once by "ssh ${ssh}"`,
  },
  {
    words: /Host key verification failed|No .* host key is known/i,
    passes: false,
    advice: ({ ssh }) => `its host key is not known: connect once by "ssh ${ssh}" and confirm it`,
  },
  {
    words: /Permission denied|Too many authentication failures|No supported authentication/i,
    passes: false,
    advice: ({ ssh }) => `it refuses the login: "ssh -o BatchMode=yes ${ssh} true" must work without a password`,
  },
  { words: /Could not resolve hostname/i, passes: true, advice: () => 'there is no machine by this name' },
  {
    words: /Connection timed out|timed out|No route to host|Network is unreachable|Connection refused/i,
    passes: true,
    advice: () => 'it cannot be reached',
  },
  {
    words: /Bad configuration option|Bad owner or permissions|terminating, .* bad configuration/i,
    passes: false,
    advice: () => "ssh does not accept the user's configuration",
  },
]

/** ssh has ended before dtlto-codegen said anything. `isServing`: the shell was about to start it. */
export function cannotConnect(host: Host, { exitCode, text }: SshEnd, isServing: boolean): DtltoError {
  const { name, from } = host
  const lines = text.split('\n').map((line) => line.trim())
  const said = lines.filter((line) => line !== '').at(-1) ?? `exit code ${String(exitCode)}`
  const last = printable(said.replace(/^ssh: /, ''))
  const known = exitCode === SSH_FAILED ? KNOWN.find(({ words }) => words.test(text)) : undefined
  if (known !== undefined) {
    // What cannot be reached may be a name that the user does not remember.
    const named = known.passes && from !== undefined ? `; it was named by ${from}` : ''
    const message = `'${name}': ${known.advice(wordsOf(host))} (ssh: ${last})${named}`
    return new DtltoError(known.passes ? 'DTLTO_DISTRIBUTOR_UNAVAILABLE' : 'DTLTO_ENDPOINT_REFUSED', message)
  }
  if (exitCode === SSH_FAILED)
    return new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', `'${name}': the connection has failed (ssh: ${last})`)
  if (isServing) return refused(name, `dtlto-codegen does not run there: ${last}`)
  if (exitCode === undefined) return refused(name, last)
  return refused(name, `its shell does not run what it is told, as "ssh ${wordsOf(host).ssh} /bin/sh" would: ${last}`)
}

/** A line `error KIND TEXT` of a script. `text` of stderr may say why. */
export function scriptError(name: string, kind: string, text: string, said: string): DtltoError {
  const why = printable(said.trim().split('\n').at(-1) ?? '')
  const because = why === '' ? '' : ` (${why})`
  switch (kind) {
    case 'directory':
    case 'write':
      return refused(
        name,
        `dtlto-codegen cannot be kept there: ${text}${because}. Make room, or name another directory with option cache`,
      )
    case 'noexec':
      return refused(name, `programs cannot be run in ${text}${because}: name another directory with option cache`)
    case 'owner':
      return refused(
        name,
        `dtlto-codegen would not be safe there: ${text}. Remove it, or name another directory with option cache`,
      )
    default:
      return new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `'${name}': dtlto-codegen could not be sent: ${text}${because}`)
  }
}

export function refused(name: string, what: string): DtltoError {
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', `'${name}': ${what}`)
}

export function lost(name: string, what: string): DtltoError {
  return new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `'${name}': ${what}`)
}

/** What another machine has said, fit for a line of a message. */
export function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 300)
    .trim()
}
