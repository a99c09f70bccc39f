/** From a machine that has nothing but ssh and a shell to a dtlto-codegen that serves. */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { DtltoError } from 'dtlto/plugin'
import { serveScript, shellLine, shipScript } from './bootstrap.js'
import type { Host } from './hosts.js'
import { readScript, type ScriptLine } from './script-answers.js'
import { type SshEnd, type SshFacts, SshProcess } from './ssh-process.js'
import type { Toolchain } from './toolchain.js'
import { cannotConnect, lost, refused, scriptError } from './trouble.js'
import type { Tuning } from './tuning.js'

export interface ConnectFacts extends SshFacts {
  readonly toolchain: Toolchain
  /** The directory on the machine; undefined: the usual. */
  readonly cache: string | undefined
  readonly tuning: Tuning
}

export interface Served {
  readonly ssh: SshProcess
  readonly head: Buffer
}

/** As `uname -m` names what this machine's programs run on. */
const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

/** A dtlto-codegen that serves; undefined when the machine does not have it. Rejects with a DtltoError. */
export function startServer(host: Host, facts: ConnectFacts, signal: AbortSignal): Promise<Served | undefined> {
  const { tuning, toolchain, cache } = facts
  const script = serveScript(toolchain, cache, Math.ceil(tuning.silenceMs / 1000))
  return converse<Served | undefined>(host, facts, signal, script, {
    begin: (_ssh, limit) => {
      limit(facts.connectTimeoutMs + tuning.greetMs, 'it has not said a word since ssh was started')
    },
    line: (line, ssh, limit) => {
      if (line.kind === 'system') {
        const machine = MACHINES[process.arch] ?? process.arch
        if (line.system !== 'Linux') return refused(host.name, `it runs ${line.system}, and dtlto-codegen needs Linux`)
        if (line.machine !== machine)
          return refused(
            host.name,
            `its processor is ${line.machine}, and this machine's dtlto-codegen needs ${machine}`,
          )
        limit(tuning.checkMs, 'its dtlto-codegen takes too long to be checked')
      }
      if (line.kind === 'need') return { done: undefined }
      // Its first frame says that it runs.
      if (line.kind === 'serve') return { serve: line.head, done: (head) => ({ ssh, head }) }
      return undefined
    },
  })
}

/** Sends dtlto-codegen. `onBytes` hears how much has been sent. Rejects with a DtltoError. */
export function shipToolchain(
  host: Host,
  facts: ConnectFacts,
  signal: AbortSignal,
  onBytes: (sentBytes: number) => void,
): Promise<void> {
  const { toolchain, tuning } = facts
  const script = shipScript(toolchain, facts.cache, randomBytes(8).toString('hex'))
  let sentBytes = 0
  return converse<undefined>(host, facts, signal, script, {
    begin: (ssh, limit) => {
      const moved = (): void =>
        limit(tuning.stallMs + facts.connectTimeoutMs, 'nothing moves while dtlto-codegen is sent')
      moved()
      const files = async function* (): AsyncGenerator<Buffer> {
        for (const { path } of toolchain.files)
          for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
            const bytes = chunk as Buffer
            yield bytes
            sentBytes += bytes.length
            onBytes(sentBytes)
            moved()
          }
      }
      // Its end says what is wrong.
      pipeline(files, ssh.stdin).then(
        () => limit(tuning.checkMs, 'it takes too long to check what was sent'),
        () => undefined,
      )
    },
    line: (line) => (line.kind === 'shipped' ? { done: undefined } : undefined),
  }).then(() => undefined)
}

/** Restarts the time that is left. */
type Limit = (ms: number, what: string) => void

type Verdict<T> =
  | undefined
  | DtltoError
  | { readonly done: T }
  | { readonly serve: Buffer; readonly done: (head: Buffer) => T }

interface Conversation<T> {
  readonly begin: (ssh: SshProcess, limit: Limit) => void
  /** A DtltoError ends it, and so does `done`. */
  readonly line: (line: ScriptLine, ssh: SshProcess, limit: Limit) => Verdict<T>
}

function converse<T>(
  host: Host,
  facts: ConnectFacts,
  signal: AbortSignal,
  script: string,
  { begin, line: answer }: Conversation<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const ssh = new SshProcess(host, shellLine(script), facts)
    let timer: NodeJS.Timeout | undefined
    let isServing = false
    let error: Extract<ScriptLine, { kind: 'error' }> | undefined
    const settle = (how: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      how()
    }
    const fail = (error: DtltoError): void => {
      ssh.kill()
      settle(() => reject(error))
    }
    const onAbort = (): void => fail(lost(host.name, 'the connection was closed'))
    const limit: Limit = (ms, what) => {
      clearTimeout(timer)
      timer = setTimeout(() => fail(lost(host.name, what)), ms).unref()
    }
    const done = (value: T): void => settle(() => resolve(value))
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) return onAbort()
    readScript(ssh, (line) => {
      if (line.kind === 'error') error = line
      const verdict = answer(line, ssh, limit)
      if (verdict === undefined) return
      if (verdict instanceof Error) fail(verdict)
      else if ('serve' in verdict) {
        isServing = true
        firstBytes(ssh, verdict.serve, (head) => done(verdict.done(head)))
      } else {
        ssh.release()
        done(verdict.done)
      }
    })
    void ssh.ended.then((end: SshEnd) =>
      settle(() =>
        reject(
          error === undefined
            ? cannotConnect(host, end, isServing)
            : scriptError(host.name, error.what, error.text, end.text),
        ),
      ),
    )
    ssh.stdin.write(script)
    begin(ssh, limit)
  })
}

/** The stream then waits for whoever takes what follows. */
function firstBytes({ stdout }: SshProcess, head: Buffer, then: (head: Buffer) => void): void {
  const first = (bytes: Buffer): void => {
    stdout.pause()
    then(bytes)
  }
  if (head.length > 0) first(head)
  else stdout.once('data', first)
}
