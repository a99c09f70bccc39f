/**
 * Jobs for dtlto-codegen and its answers, pure. The formats stand at the head of packages/native/src/job/job_codec.cpp: a magic of four
 * bytes, the text's size (u32), the body's size (u64), both little-endian; in answers the SHA-256 of what follows; text; body. A plugin that carries bytes from one machine to
 * another need know no more than `codegenMessage`, CodegenAnswers and `codegenResult`.
 */
import { createHash, hash } from 'node:crypto'
import { DtltoError } from '../../errors.js'
import { printableLine } from '../../printable.js'
import type {
  CompiledObject,
  CompileResult,
  ContentLease,
  Diagnostic,
  JobBlob,
  JobContent,
  JobPackage,
  SideOutput,
} from '../interface.js'

const HEADER_BYTES = 16
const DIGEST_BYTES = 32
const ANSWER_HEADER_BYTES = HEADER_BYTES + DIGEST_BYTES
const NONE: Buffer = Buffer.alloc(0)
/** Of what is no result: a greeting of a shell, perhaps. */
const SHOWN_BYTES = 80
/** A result larger than this is no result: it is 16 GiB of nonsense, or an attack. */
const MAX_RESULT_BYTES = 16 * 1024 ** 3

/** How dtlto-codegen ends when it is given one job by files, and what that means. (Serving, it ends with its input, by 0.) */
export const CODEGEN_EXIT_CODES = {
  0: 'compiled',
  1: 'LLVM ended the process: a crash or a fatal error; compile the job elsewhere',
  2: 'wrong usage',
  3: 'the job is refused: malformed, or for another version of LLVM or dtlto',
  4: 'files cannot be read or written: trouble of the machine',
  5: 'the module does not compile',
} as const

/** `send`: with the job. `keep`: the same, and the worker keeps it until it ends. `known`: it has kept it. */
export type BlobTransfer = 'send' | 'keep' | 'known'

export interface CodegenMessage {
  /** To be sent one after the other. Large ones are views on the linker's memory, valid until `release`. */
  readonly parts: readonly Uint8Array[]
  readonly sizeBytes: number
  /** SHA-256, in hexadecimal, of what it asks for: its answer repeats that. */
  readonly job: string
  /** May be called twice. */
  release(): void
}

/**
 * The job as one message for `dtlto-codegen --serve`; throws DTLTO_OPTION_INVALID where the job is not for that. `transfer` may leave out what the same worker has kept of earlier jobs. With `digests` of
 * the contents, by their ids, the worker notices all damage on the way: use them where bytes cross a wire.
 */
export function codegenMessage(
  job: JobPackage,
  transfer: (blob: JobBlob) => BlobTransfer = () => 'send',
  digests?: ReadonlyMap<string, string>,
): CodegenMessage {
  checkIsForCodegen(job)
  const planned = job.blobs.map((blob) => ({ blob, how: transfer(blob) }))
  const lines = planned.map(
    ({ blob, how }) => `${blobLine(blob, digests?.get(blob.content.id) ?? blob.content.id)} ${how}`,
  )
  const manifest = `${manifestHead(job)}${lines.map((line) => `${line}\n`).join('')}`
  const text = digests ? `${manifest}digest ${sha256(manifest)}\n` : manifest
  const textBytes = Buffer.from(text)
  const sent = planned.filter(({ how }) => how !== 'known').map(({ blob }) => blob.content)
  const bodyBytes = sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const leases: ContentLease[] = sent.map((content) => content.lease())
  return {
    parts: [header('DTLJ', textBytes.length, bodyBytes), textBytes, ...leases.flatMap(({ parts }) => parts)],
    sizeBytes: HEADER_BYTES + textBytes.length + bodyBytes,
    job: sha256(text),
    release: () => {
      for (const lease of leases) lease.release()
    },
  }
}

/** Of all that a job holds, by the ids of contents. */
export async function contentDigests(job: JobPackage): Promise<ReadonlyMap<string, string>> {
  const digests = await digestsOf(job.blobs.map(({ content }) => content))
  return new Map(job.blobs.map(({ content }, i) => [content.id, digests[i] as string]))
}

function sha256(text: string | Buffer): string {
  return hash('sha256', text, 'hex')
}

/** A file of that directory. */
export interface CodegenFile {
  readonly name: string
  /** Of its bytes. */
  readonly sha256: string
  /** A copy in one piece. */
  readonly bytes: () => Uint8Array
  readonly lease: () => ContentLease
}

/**
 * How many digits of its digest name a content among those of a job: as few as tell them apart. In content-addressed systems a digest of each import is in each job's
 * directory already, and names are what else a job of many imports costs.
 */
const NAME_DIGITS = [4, 8, 16, 64]
const TEXT_NAME = 'job.txt'

/** The job as the files of a directory for `dtlto-codegen --job`: `job.txt`, and contents, each once. Rejects as codegenMessage throws. */
export async function codegenDirectory(job: JobPackage): Promise<readonly CodegenFile[]> {
  const { text, contents } = await codegenLayout(job)
  return [
    {
      name: TEXT_NAME,
      sha256: sha256(text),
      bytes: () => text,
      lease: () => ({ parts: [text], release: () => undefined }),
    },
    ...contents.map(({ name, sha256, content }) => ({
      name,
      sha256,
      bytes: () => content.bytes(),
      lease: () => content.lease(),
    })),
  ]
}

/** That directory for who has the contents already: a job has hundreds of them. */
export interface CodegenLayout {
  /** Of `job.txt`. */
  readonly text: Buffer
  /** The other files. */
  readonly contents: readonly { readonly name: string; readonly sha256: string; readonly content: JobContent }[]
}

/** Rejects as codegenMessage throws. */
export async function codegenLayout(job: JobPackage): Promise<CodegenLayout> {
  checkIsForCodegen(job)
  const digests = await digestsOf(job.blobs.map(({ content }) => content))
  const known = new Map(job.blobs.map(({ content }, i) => [digests[i] as string, content]))
  const digits = NAME_DIGITS.find((count) => tellApart(known.keys(), count))
  const contents = Array.from(known, ([sha256, content]) => ({ name: sha256.slice(0, digits), sha256, content }))
  const lines = job.blobs.map((blob, i) => `${blobLine(blob, (digests[i] as string).slice(0, digits))}\n`)
  const text = Buffer.from(`${manifestHead(job)}${lines.join('')}contents ${sha256(digests.join(''))}\n`)
  return { text, contents }
}

/** Whether no two of the digests begin with the same digits. */
function tellApart(digests: Iterable<string>, digits: number): boolean {
  const seen = new Set<string>()
  for (const digest of digests) {
    const { size } = seen
    if (seen.add(digest.slice(0, digits)).size === size) return false
  }
  return true
}

/** Those that were asked for: a module is in dozens of jobs. */
const knownDigests = new WeakMap<JobContent, string>()

async function digestsOf(contents: readonly JobContent[]): Promise<readonly string[]> {
  const others = contents.filter((content) => !knownDigests.has(content))
  await Promise.all(others.map(async (content) => knownDigests.set(content, await content.digest())))
  return contents.map((content) => knownDigests.get(content) as string)
}

function checkIsForCodegen({ needsClang }: JobPackage): void {
  if (needsClang !== undefined) throw new DtltoError('DTLTO_OPTION_INVALID', needsClang)
}

function manifestHead(job: JobPackage): string {
  const replayed = job.replayedArgs.map((argument) => `replay ${quote(argument)}\n`).join('')
  return `dtlto-job 3\nllvm ${job.llvmVersion}\ntask ${String(job.task)}\nobject ${quote(job.objectName)}\n${replayed}`
}

function blobLine({ role, label, content }: JobBlob, key: string): string {
  return `blob ${role} ${quote(label)} ${key} ${String(content.sizeBytes)}`
}

function header(magic: string, textBytes: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write(magic, 'latin1')
  bytes.writeUInt32LE(textBytes, 4)
  bytes.writeBigUInt64LE(BigInt(bodyBytes), 8)
  return bytes
}

/** What dtlto-codegen answers to a job. `namesModule`: the message begins where the module's name is to be put. */
export type CodegenAnswer =
  | {
      readonly status: 'compiled' | 'failed'
      /** That of the message that it answers; undefined in a file. */
      readonly job: string | undefined
      readonly failure: string
      readonly diagnostics: readonly (Diagnostic & { readonly namesModule: boolean })[]
      readonly object: Uint8Array
      readonly sideOutputs: readonly SideOutput[]
      readonly stderr: string
    }
  | { readonly status: 'refused'; readonly failure: string }

/** Collects answers from a stream in chunks of any size, one at a time. One that was damaged on its way is an error, and one to another job. */
export class CodegenAnswers {
  /** What is asked for: `job` of the message. Undefined: anything, as in files. May change from answer to answer. */
  job: string | undefined
  /** More bytes than this are no answer. */
  maxBytes = MAX_RESULT_BYTES
  #chunks: Buffer[] = []
  #have = 0
  #textBytes = 0
  /** Undefined until the header is there. */
  #total: number | undefined

  constructor(job?: string) {
    this.job = job
  }

  /** The answer, when it is complete. Throws for bytes that are none. */
  push(chunk: Buffer): CodegenAnswer | undefined {
    this.#chunks.push(chunk)
    this.#have += chunk.length
    if (this.#total === undefined && this.#have >= HEADER_BYTES) this.#readHeader()
    if (this.#total === undefined || this.#have < this.#total) return undefined
    if (this.#have > this.#total) throw new Error('more than one result for a job')
    const all = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#have = 0
    this.#total = undefined
    const digest = createHash('sha256').update(all.subarray(ANSWER_HEADER_BYTES)).digest()
    if (!digest.equals(all.subarray(HEADER_BYTES, ANSWER_HEADER_BYTES)))
      throw new Error('a result that was damaged on its way: its digest is another')
    const bodyAt = ANSWER_HEADER_BYTES + this.#textBytes
    const answer = parseResult(all.toString('latin1', ANSWER_HEADER_BYTES, bodyAt), all.subarray(bodyAt))
    // What is refused may have been damaged, and has no name that counts.
    if (this.job !== undefined && answer.status !== 'refused' && answer.job !== this.job)
      throw new Error('a result of another job')
    return answer
  }

  #readHeader(): void {
    const head = Buffer.concat(this.#chunks)
    this.#chunks = [head]
    if (head.toString('latin1', 0, 4) !== 'DTLR')
      throw new Error(`not a result: it begins with '${printableLine(head.toString('latin1', 0, SHOWN_BYTES))}'`)
    this.#textBytes = head.readUInt32LE(4)
    const total = BigInt(ANSWER_HEADER_BYTES + this.#textBytes) + head.readBigUInt64LE(8)
    if (total > this.maxBytes) throw new Error(`not a result: it claims to have ${String(total)} bytes`)
    this.#total = Number(total)
  }
}

const QUOTED = String.raw`"((?:[^"\\]|\\[0-9A-Fa-f]{2})*)"`
const LINES = {
  failure: new RegExp(`^failure ${QUOTED}$`),
  diagnostic: new RegExp(`^diagnostic (error|warning|remark|note) ([01]) ${QUOTED}$`),
  output: new RegExp(`^output (dwo|remarks) ${QUOTED} (\\d+)$`),
  bytes: /^(object|stderr) (\d+)$/,
} as const

function parseResult(text: string, body: Buffer): CodegenAnswer {
  const lines = text.split('\n')
  if (lines.shift() !== 'dtlto-result 3' || lines.pop() !== '') throw new Error('not a result of this version')
  const job = /^job ([0-9a-f]{64})$/.exec(lines[0] ?? '')?.[1]
  if (job !== undefined) lines.shift()
  const status = /^status (compiled|failed|refused)$/.exec(lines.shift() ?? '')?.[1]
  let failure = ''
  const diagnostics: (Diagnostic & { namesModule: boolean })[] = []
  const sideOutputs: SideOutput[] = []
  const blobs: Record<'object' | 'stderr', Buffer> = { object: NONE, stderr: NONE }
  let offset = 0
  const take = (size: string | undefined): Buffer => {
    const end = offset + Number(size)
    if (!(end <= body.length)) throw new Error('a result shorter than its lines say')
    const bytes = body.subarray(offset, end)
    offset = end
    return bytes
  }
  for (const line of lines) {
    let found: RegExpExecArray | null
    if ((found = LINES.bytes.exec(line))) {
      blobs[found[1] as keyof typeof blobs] = take(found[2])
    } else if ((found = LINES.diagnostic.exec(line))) {
      const severity = found[1] as Diagnostic['severity']
      diagnostics.push({ severity, message: unquote(found[3]), namesModule: found[2] === '1' })
    } else if ((found = LINES.output.exec(line))) {
      sideOutputs.push({ kind: found[1] as SideOutput['kind'], path: unquote(found[2]), bytes: take(found[3]) })
    } else if ((found = LINES.failure.exec(line))) {
      failure = unquote(found[1])
    } else {
      throw new Error(`a result with an unknown line '${line.slice(0, 80)}'`)
    }
  }
  if (offset !== body.length) throw new Error('a result longer than its lines say')
  if (status === 'refused') return { status, failure }
  if (status !== 'compiled' && status !== 'failed') throw new Error('a result without a status')
  return { status, job, failure, diagnostics, object: blobs.object, sideOutputs, stderr: blobs.stderr.toString() }
}

/** An answer as a distributor's result. */
export function codegenResult(
  answer: CodegenAnswer,
  moduleId: string,
  job: JobPackage,
  timings: Extract<CompileResult, { kind: 'object' }>['timings'] = {},
): CompileResult {
  if (answer.status === 'refused') return { kind: 'cannot', reason: answer.failure }
  const canonicalName = job.blobs[0]?.label ?? ''
  const diagnostics = answer.diagnostics.map(({ severity, message, namesModule }) => ({
    severity,
    message: namesModule ? `${moduleId} ${message}` : withRealName(message, canonicalName, moduleId),
  }))
  if (answer.status === 'failed') {
    const failure = answer.failure === '' ? [] : [{ severity: 'error' as const, message: answer.failure }]
    return { kind: 'does-not-compile', diagnostics: [...diagnostics, ...failure] }
  }
  const { object, sideOutputs, stderr } = answer
  return { kind: 'object', object, diagnostics, sideOutputs, stderr, timings }
}

/**
 * A result as the file `result` that `dtlto-codegen --job … --side-outputs` writes beside the object: the reverse of `codegenResult`, for whoever keeps
 * results for other links. Undefined if its text names the module where `codegenResult` would not put another link's name in its place.
 */
export function codegenResultFile(
  { diagnostics, stderr = '', sideOutputs }: Pick<CompiledObject, 'diagnostics' | 'stderr' | 'sideOutputs'>,
  moduleId: string,
  job: JobPackage,
): Buffer | undefined {
  const canonicalName = job.blobs[0]?.label ?? ''
  const worded = diagnostics.map(({ severity, message }) => {
    if (message.startsWith(`${moduleId} `)) return { severity, named: 1, message: message.slice(moduleId.length + 1) }
    if (!message.startsWith(`${moduleId}:`)) return { severity, named: 0, message }
    return { severity, named: 0, message: canonicalName + message.slice(moduleId.length) }
  })
  if ([stderr, ...worded.map(({ message }) => message)].some((text) => text.includes(moduleId))) return undefined
  const printed = Buffer.from(stderr)
  const lines = [
    'dtlto-result 3',
    'status compiled',
    ...worded.map(({ severity, named, message }) => `diagnostic ${severity} ${String(named)} ${quote(message)}`),
    'object 0', // it has a file of its own
    ...sideOutputs.map(({ kind, path, bytes }) => `output ${kind} ${quote(path)} ${String(bytes.length)}`),
    ...(printed.length > 0 ? [`stderr ${String(printed.length)}`] : []),
  ]
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  const body = Buffer.concat([...sideOutputs.map(({ bytes }) => bytes), printed])
  const digest = createHash('sha256').update(text).update(body).digest()
  return Buffer.concat([header('DTLR', text.length, body.length), digest, text, body])
}

/** Some diagnostics begin with the module's name, which in a job is canonical. */
function withRealName(message: string, canonicalName: string, moduleId: string): string {
  return message.startsWith(`${canonicalName}:`) ? moduleId + message.slice(canonicalName.length) : message
}

/** `"…"`; bytes that are not printable ASCII, `"` and `\` as `\XX`. */
function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`
  const escaped = Array.from(Buffer.from(text), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCharCode(byte),
  )
  return `"${escaped.join('')}"`
}

function unquote(text = ''): string {
  const bytes = text.replace(/\\(..)/gs, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
