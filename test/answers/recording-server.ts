/**
 * A server that speaks distcc's protocol on a real socket. It compiles each job once, with stock clang, and keeps the answer; what it sends is up to
 * the test, which may answer with anything.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { lzo1x } from '../../packages/dtlto/src/distributors/lzo1x.js'
import { token } from '../../packages/distributor-distcc/src/request.js'

export interface GoodAnswer {
  readonly stderr: string
  readonly object: Buffer
  /** The probe of a server's compiler: it answers well, or it would get no jobs. */
  readonly isProbe: boolean
}

/** What is sent in place of a good answer; the connection ends after it. */
export type Answering = (good: GoodAnswer, all: readonly GoodAnswer[]) => Buffer

export class RecordingServer {
  answering: Answering = (good) => encodeAnswer(good)
  /** Answers to jobs, the probes not counted. */
  answers = 0
  readonly #server: Server
  readonly #known = new Map<string, Promise<GoodAnswer>>()
  readonly #jobs: GoodAnswer[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<RecordingServer> {
    const server = createServer()
    const recording = new RecordingServer(server)
    server.on('connection', (socket) => recording.#serve(socket))
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
    return recording
  }

  /** One of the addresses 127.x.y.z, all of which are its own. */
  get address(): string {
    const address = this.#server.address()
    return `127.0.0.1:${String(typeof address === 'object' && address !== null ? address.port : 0)}`
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    const chunks: Buffer[] = []
    if (!socket.remoteAddress?.startsWith('127.')) socket.destroy()
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const request = parseRequest(Buffer.concat(chunks))
      if (request === undefined) return
      socket.removeAllListeners('data')
      void unpacked(request)
        .then((request) => this.#goodAnswer(request))
        .then((good) => {
          if (good.isProbe) return socket.end(encodeAnswer(good))
          this.answers++
          return socket.end(this.answering(good, this.#jobs))
        })
    })
  }

  #goodAnswer(request: Request): Promise<GoodAnswer> {
    const hash = createHash('sha256').update(request.args.join('\0'))
    for (const { name, bytes } of request.files) hash.update(`${name}\0`).update(bytes)
    const key = hash.digest('hex')
    let answer = this.#known.get(key)
    if (answer === undefined) {
      answer = compile(request)
      void answer.then((good) => good.isProbe || this.#jobs.push(good))
      this.#known.set(key, answer)
    }
    return answer
  }
}

export interface AnswerParts {
  readonly status?: number
  readonly stderr?: string
  readonly stdout?: string
  readonly object?: Uint8Array
}

export function encodeAnswer({ status = 0, stderr = '', stdout = '', object = new Uint8Array() }: AnswerParts): Buffer {
  const body = (name: string, bytes: Uint8Array): Buffer => {
    const packed = bytes.length === 0 ? bytes : lzo1x().compress(bytes)
    return Buffer.concat([Buffer.from(token(name, packed.length)), packed])
  }
  return Buffer.concat([
    Buffer.from(token('DONE', 3) + token('STAT', status)),
    body('SERR', Buffer.from(stderr)),
    body('SOUT', Buffer.from(stdout)),
    body('DOTO', object),
  ])
}

interface Request {
  readonly args: readonly string[]
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[]
}

/** With files as LZO1X; undefined while it is not complete. */
function parseRequest(bytes: Buffer): Request | undefined {
  let at = 0
  const next = (name: string): number => {
    if (at + 12 > bytes.length) throw INCOMPLETE
    if (bytes.toString('latin1', at, at + 4) !== name) throw new Error(`expected ${name} at byte ${String(at)}`)
    at += 12
    return Number.parseInt(bytes.toString('latin1', at - 8, at), 16)
  }
  const field = (name: string): Buffer => {
    const length = next(name)
    if (at + length > bytes.length) throw INCOMPLETE
    at += length
    return bytes.subarray(at - length, at)
  }
  try {
    next('DIST')
    field('CDIR')
    const args = Array.from({ length: next('ARGC') }, () => field('ARGV').toString())
    const files = Array.from({ length: next('NFIL') }, () => {
      const name = field('NAME').toString()
      return { name, bytes: field('FILE') }
    })
    return { args, files }
  } catch (error) {
    if (error === INCOMPLETE) return undefined
    throw error
  }
}

async function unpacked({ args, files }: Request): Promise<Request> {
  const plain = files.map(async ({ name, bytes }) => ({
    name,
    bytes: bytes.length === 0 ? bytes : ((await lzo1x().decompress(bytes, 2 ** 28)) ?? bytes),
  }))
  return { args, files: await Promise.all(plain) }
}

const INCOMPLETE = new Error('the request is not complete')

async function compile({ args: [compiler = '', ...args], files }: Request): Promise<GoodAnswer> {
  const root = mkdtempSync(join(tmpdir(), 'dtlto-recording-'))
  try {
    for (const { name, bytes } of files) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), bytes)
    }
    const cwd = join(root, 'w')
    const { stderr } = await promisify(execFile)(compiler, args, { cwd })
    const isProbe = files.some(({ name }) => name.endsWith('/main.bc'))
    return { stderr, object: readFileSync(join(cwd, 'o.o')), isProbe }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
