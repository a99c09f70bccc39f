/** dtlto-codegen on a machine: many jobs at a time over one connection, each content sent once. */
import {
  type Attempt,
  cancelled,
  type CodegenAnswer,
  CodegenAnswers,
  codegenMessage,
  contentDigests,
  DtltoError,
  type JobBlob,
  type JobPackage,
} from 'dtlto/plugin'
import { type Facts, frame, type FrameKind, Frames, parseFacts } from './frames.js'
import type { SshProcess } from './ssh-process.js'
import { lost, printable } from './trouble.js'
import type { Tuning } from './tuning.js'

/** What a machine keeps of one link, in memory. Beyond it contents are sent with each job. */
const KEEP_BYTES = 2 * 1024 ** 3
/** No answer has more: its object is as large as that only in an attack. */
const ANSWER_BYTES_ALWAYS = 64 * 1024 ** 2
const ANSWER_BYTES_PER_JOB_BYTE = 64
const LAST_WORDS_BYTES = 64 * 1024
/** So that a slow wire is seen to move. */
const WRITE_STEP_BYTES = 256 * 1024
/** What dtlto-codegen says of a job that is not what was sent, or that names what it does not have. */
const DAMAGED = /damaged|blob [0-9a-f]{64}/

interface Waiting {
  /** Of the message. */
  readonly job: string
  readonly maxBytes: number
  readonly resolve: (answer: CodegenAnswer) => void
  readonly reject: (error: DtltoError) => void
}

export interface SessionContext {
  readonly name: string
  readonly tuning: Tuning
  readonly now: () => number
  readonly onFacts: (facts: Facts) => void
  readonly onLost: (error: DtltoError) => void
}

/** Of all connections to a machine in a link: what has crossed the wire. */
export interface Traffic {
  sentBytes: number
}

export class Session {
  readonly #ssh: SshProcess
  readonly #context: SessionContext
  readonly #traffic: Traffic
  readonly #jobs = new Map<number, Waiting>()
  readonly #pings = new Map<number, () => void>()
  /** Digests of contents. */
  readonly #kept = new Set<string>()
  readonly #heartbeat: NodeJS.Timeout
  #keptBytes = 0
  #number = 0
  #movedMs: number
  #dead: DtltoError | undefined
  /** Of the frame that is being read. */
  #frame:
    | { kind: FrameKind; number: number; text: Buffer[]; answers: CodegenAnswers; answer?: CodegenAnswer }
    | undefined

  /** `head`: what has come of frames already. */
  constructor(ssh: SshProcess, head: Buffer, context: SessionContext, traffic: Traffic) {
    this.#ssh = ssh
    this.#context = context
    this.#traffic = traffic
    this.#movedMs = context.now()
    const frames = new Frames({
      begin: (kind, number, sizeBytes) => this.#begin(kind, number, sizeBytes),
      piece: (bytes) => this.#piece(bytes),
      end: () => this.#end(),
    })
    const receive = (chunk: Buffer): void => {
      this.#movedMs = context.now()
      if (this.#dead !== undefined) return
      try {
        frames.push(chunk)
      } catch (error) {
        this.#die(`it answers nonsense: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    ssh.stdout.on('data', receive)
    ssh.stdout.resume()
    void ssh.ended.then(({ text }) =>
      this.#die(`the connection has ended${text === '' ? '' : `: ${printable(text.split('\n').at(-1) ?? '')}`}`),
    )
    this.#heartbeat = setInterval(() => this.#beat(), context.tuning.pingMs).unref()
    receive(head)
  }

  get isAlive(): boolean {
    return this.#dead === undefined
  }

  /** Resolves when the machine answers. Rejects with DTLTO_DISTRIBUTOR_FAILED when it does not. */
  async ping(signal: AbortSignal): Promise<void> {
    if (this.#dead) throw this.#dead
    const number = ++this.#number
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => end(() => reject(lost(this.#context.name, 'it gives no sign of life any more'))),
        this.#context.tuning.pongMs,
      ).unref()
      const onAbort = (): void => end(() => reject(cancelled()))
      const end = (how: () => void): void => {
        clearTimeout(late)
        signal.removeEventListener('abort', onAbort)
        this.#pings.delete(number)
        how()
      }
      signal.addEventListener('abort', onAbort)
      this.#pings.set(number, () => {
        const dead = this.#dead
        end(dead === undefined ? resolve : () => reject(dead))
      })
      this.#write(frame('PING', number))
    })
  }

  /** Rejects with DTLTO_DISTRIBUTOR_FAILED when the compiler or the connection dies, with DTLTO_CANCELLED when aborted. */
  async compile(job: JobPackage, attempt: Attempt): Promise<CodegenAnswer> {
    const { signal } = attempt
    const digests = await contentDigests(job)
    if (this.#dead) throw this.#dead
    if (signal.aborted) throw cancelled()
    const message = codegenMessage(job, (blob) => this.#transfer(blob, digests.get(blob.content.id) as string), digests)
    const jobBytes = job.blobs.reduce((sum, { content }) => sum + content.sizeBytes, 0)
    const number = ++this.#number
    const onAbort = (): void => {
      const waiting = this.#jobs.get(number)
      this.#jobs.delete(number)
      this.#write(frame('STOP', number))
      waiting?.reject(cancelled())
    }
    try {
      return await new Promise<CodegenAnswer>((resolve, reject) => {
        const maxBytes = ANSWER_BYTES_ALWAYS + ANSWER_BYTES_PER_JOB_BYTE * jobBytes
        this.#jobs.set(number, {
          job: message.job,
          maxBytes,
          reject,
          resolve: (answer) => (answer.status === 'refused' ? this.#refused(answer, resolve, reject) : resolve(answer)),
        })
        signal.addEventListener('abort', onAbort, { once: true })
        this.#ssh.stdin.cork()
        this.#write(frame('JOB.', number))
        for (const part of message.parts) this.#write(part)
        this.#ssh.stdin.write(Buffer.alloc(0), () => {
          message.release()
          attempt.sent?.()
        })
        this.#ssh.stdin.uncork()
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The machine ends what it does for us; nobody waits for that. */
  close(): void {
    clearInterval(this.#heartbeat)
    this.#dead ??= cancelled()
    this.#ssh.release()
    this.#rejectAll()
  }

  destroy(): void {
    this.#die('the connection was closed')
  }

  /** It has not kept everything that came with the job, and which things is not known. */
  #refused(
    answer: Extract<CodegenAnswer, { status: 'refused' }>,
    resolve: (answer: CodegenAnswer) => void,
    reject: (error: DtltoError) => void,
  ): void {
    this.#kept.clear()
    this.#keptBytes = 0
    if (DAMAGED.test(answer.failure))
      reject(lost(this.#context.name, `a job was damaged on its way: ${printable(answer.failure)}`))
    else resolve(answer)
  }

  #transfer({ role, content: { sizeBytes } }: JobBlob, digest: string): 'send' | 'keep' | 'known' {
    // An index is one job's alone.
    if (role === 'index') return 'send'
    if (this.#kept.has(digest)) return 'known'
    if (this.#keptBytes + sizeBytes > KEEP_BYTES) return 'send'
    this.#kept.add(digest)
    this.#keptBytes += sizeBytes
    return 'keep'
  }

  #write(bytes: Uint8Array): void {
    if (!this.#ssh.stdin.writable) return
    this.#traffic.sentBytes += bytes.length
    for (let at = 0; at < bytes.length; at += WRITE_STEP_BYTES)
      this.#ssh.stdin.write(bytes.subarray(at, at + WRITE_STEP_BYTES), () => {
        this.#movedMs = this.#context.now()
      })
  }

  /** A machine that is asked answers at once, unless bytes are still on their way. */
  #beat(): void {
    const { now, tuning } = this.#context
    if (now() - this.#movedMs > tuning.silenceMs) this.#die('it gives no sign of life any more')
    else if (this.#ssh.stdin.writableLength === 0) this.#write(frame('PING', ++this.#number))
  }

  #begin(kind: FrameKind, number: number, sizeBytes: number): void {
    const waiting = this.#jobs.get(number)
    const limit = kind === 'DONE' ? (waiting?.maxBytes ?? Infinity) : LAST_WORDS_BYTES
    if (sizeBytes > limit) throw new Error(`an answer of ${sizeBytes} bytes`)
    const answers = new CodegenAnswers(waiting?.job)
    answers.maxBytes = limit
    this.#frame = { kind, number, text: [], answers }
  }

  #piece(bytes: Buffer): void {
    const reading = this.#frame
    if (reading === undefined) return
    if (reading.kind !== 'DONE') reading.text.push(bytes)
    // Nobody waits for the answer to a job that was stopped.
    else if (this.#jobs.has(reading.number)) {
      const answer = reading.answers.push(bytes)
      if (answer !== undefined) reading.answer = answer
    }
  }

  #end(): void {
    const ended = this.#frame
    if (ended === undefined) return
    this.#frame = undefined
    const text = Buffer.concat(ended.text).toString()
    if (ended.kind === 'PONG') {
      this.#context.onFacts(parseFacts(text))
      this.#pings.get(ended.number)?.()
      return
    }
    const waiting = this.#jobs.get(ended.number)
    if (waiting === undefined) return
    // Whoever waits for it learns of that with the others.
    if (ended.kind === 'DONE' && ended.answer === undefined) throw new Error('an answer that is cut off')
    this.#jobs.delete(ended.number)
    if (ended.kind === 'DIED') {
      const [how = ''] = text.split('\n')
      const message = `a compiler process has ended: ${printable(how)}`
      waiting.reject(
        new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `'${this.#context.name}': ${message}`, {
          details: { stderr: text },
        }),
      )
    } else if (ended.answer !== undefined) waiting.resolve(ended.answer)
  }

  #die(what: string): void {
    clearInterval(this.#heartbeat)
    if (this.#dead !== undefined) return
    this.#dead = lost(this.#context.name, what)
    this.#ssh.kill()
    this.#rejectAll()
    this.#context.onLost(this.#dead)
  }

  #rejectAll(): void {
    const dead = this.#dead ?? cancelled()
    for (const { reject } of this.#jobs.values()) reject(dead)
    this.#jobs.clear()
    for (const end of [...this.#pings.values()]) end()
  }
}
