/** A serving dtlto-codegen, with its wire in hand. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { codegenProgram } from '@dtlto/native'
import {
  type BlobTransfer,
  type CodegenAnswer,
  CodegenAnswers,
  codegenMessage,
} from '../../packages/dtlto/src/distributors/codegen/message.js'
import type { JobPackage } from '../../packages/dtlto/src/distributors/interface.js'

/** Address space of a worker in these tests. libLLVM alone takes some 200 MiB of it. */
const MEMORY_KIB = 3 * 1024 ** 2

export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface ServiceOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export class Service {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly ended: Promise<End>
  /** Resolves as soon as the process is gone, whoever still holds its pipes. */
  readonly exited: Promise<void>
  /** It sent something that is not one result: nothing more can be read. */
  isConfused = false
  #reader = new CodegenAnswers()
  #next: ((result: CodegenAnswer | undefined) => void) | undefined
  #over = false

  constructor({ cwd, env }: ServiceOptions = {}) {
    const script = `ulimit -c 0; ulimit -v ${String(MEMORY_KIB)}; exec "$0" --serve`
    this.child = spawn('sh', ['-c', script, codegenProgram()], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    let stderr = ''
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    this.child.stdin.on('error', () => undefined)
    this.child.stdout.on('data', (chunk: Buffer) => {
      try {
        const result = this.#reader.push(chunk)
        if (result) this.#answer(result)
      } catch {
        // More than one answer, to what the worker took for more than one job.
        this.isConfused = true
        this.#answer(undefined)
      }
    })
    this.exited = new Promise((resolve) => {
      this.child.on('exit', () => {
        resolve()
      })
    })
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        this.#over = true
        this.#answer(undefined)
        resolve({ code, signal, stderr })
      })
    })
  }

  /** Sends bytes and waits for a result; undefined: the process ended without one. */
  send(...bytes: readonly Uint8Array[]): Promise<CodegenAnswer | undefined> {
    if (this.#over || this.isConfused) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#next = resolve
      for (const piece of bytes) this.child.stdin.write(piece)
    })
  }

  /** Ends its input. */
  end(): Promise<End> {
    this.child.stdin.end()
    return this.ended
  }

  #answer(result: CodegenAnswer | undefined): void {
    const next = this.#next
    this.#next = undefined
    next?.(result)
  }
}

/** Runs `use` with a service that is gone afterwards. */
export async function withService<T>(use: (service: Service) => Promise<T>, options?: ServiceOptions): Promise<T> {
  const service = new Service(options)
  try {
    return await use(service)
  } finally {
    service.child.kill('SIGKILL')
    await service.ended
  }
}

/** The job as one message; modules are transferred as asked, the rest is sent. */
export function message(job: JobPackage, modules: BlobTransfer = 'send'): Buffer {
  const { parts } = codegenMessage(job, ({ role }) => (role === 'own' || role === 'import' ? modules : 'send'))
  return Buffer.concat(parts)
}

/** The message with another text of the same length. */
export function rewritten(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(from)
  if (at < 0 || from.length !== to.length) throw new Error(`cannot put '${to}' in the place of '${from}'`)
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)])
}
