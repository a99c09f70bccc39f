/**
 * Messages to and from dtlto-codegen, pure. The formats stand at the head of packages/native/src/llvm/job_codec.cpp: a magic of four
 * bytes, the text's size (u32), the body's size (u64), both little-endian; text; body.
 */
import type { Diagnostic, SideOutput, WorkerBlob, WorkerJob } from '../interface.js'

const HEADER_BYTES = 16
const NONE: Buffer = Buffer.alloc(0)
/** A result larger than this is no result: it is 16 GiB of nonsense, or an attack. */
const MAX_RESULT_BYTES = 16 * 1024 ** 3

export type BlobTransfer = 'send' | 'keep' | 'known'

export interface PlannedBlob {
  readonly blob: WorkerBlob
  /** How the message refers to the content: any short word. */
  readonly key: string
  readonly transfer: BlobTransfer
}

/** The job as pieces to write one after the other; big ones are the job's own memory. */
export function jobMessage(job: WorkerJob, blobs: readonly PlannedBlob[]): Uint8Array[] {
  const lines = blobs.map(({ blob, key, transfer }) => `${blobLine(blob, key)} ${transfer}`)
  const text = Buffer.from(`${manifestHead(job)}${lines.join('\n')}\n`)
  const sent = blobs.filter(({ transfer }) => transfer !== 'known')
  const bodyBytes = sent.reduce((sum, { blob }) => sum + blob.file.sizeBytes, 0)
  return [header('DTLJ', text.length, bodyBytes), text, ...sent.flatMap(({ blob }) => blob.file.parts())]
}

/** The manifest of the directory form, `job.txt`: blobs are files named by their digests. */
export function jobManifest(job: WorkerJob): string {
  return `${manifestHead(job)}${job.blobs.map((blob) => blobLine(blob, blob.file.digest())).join('\n')}\n`
}

function manifestHead(job: WorkerJob): string {
  const replayed = job.replayedArgs.map((argument) => `replay ${quote(argument)}\n`).join('')
  return `dtlto-job 1\nllvm ${job.llvmVersion}\ntask ${String(job.task)}\nobject ${quote(job.objectName)}\n${replayed}`
}

function blobLine({ role, label, file }: WorkerBlob, key: string): string {
  return `blob ${role} ${quote(label)} ${key} ${String(file.sizeBytes)}`
}

function header(magic: string, textBytes: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write(magic, 'latin1')
  bytes.writeUInt32LE(textBytes, 4)
  bytes.writeBigUInt64LE(BigInt(bodyBytes), 8)
  return bytes
}

export type WorkerResult =
  | {
      readonly status: 'compiled' | 'failed'
      readonly failure: string
      readonly diagnostics: readonly (Diagnostic & { readonly namesModule: boolean })[]
      readonly object: Uint8Array
      readonly sideOutputs: readonly SideOutput[]
      readonly stderr: string
    }
  | { readonly status: 'refused'; readonly failure: string }

/** Collects a result from a stream in chunks of any size. */
export class ResultReader {
  #chunks: Buffer[] = []
  #have = 0
  #textBytes = 0
  /** Undefined until the header is there. */
  #total: number | undefined

  /** The result, when it is complete. Throws for bytes that are no result. */
  push(chunk: Buffer): WorkerResult | undefined {
    this.#chunks.push(chunk)
    this.#have += chunk.length
    if (this.#total === undefined && this.#have >= HEADER_BYTES) this.#readHeader()
    if (this.#total === undefined || this.#have < this.#total) return undefined
    if (this.#have > this.#total) throw new Error('more than one result for a job')
    const all = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#have = 0
    this.#total = undefined
    const bodyAt = HEADER_BYTES + this.#textBytes
    return parseResult(all.toString('latin1', HEADER_BYTES, bodyAt), all.subarray(bodyAt))
  }

  #readHeader(): void {
    const head = Buffer.concat(this.#chunks)
    this.#chunks = [head]
    if (head.toString('latin1', 0, 4) !== 'DTLR') throw new Error('not a result: it does not begin with DTLR')
    this.#textBytes = head.readUInt32LE(4)
    const total = BigInt(HEADER_BYTES + this.#textBytes) + head.readBigUInt64LE(8)
    if (total > MAX_RESULT_BYTES) throw new Error(`not a result: it claims to have ${String(total)} bytes`)
    this.#total = Number(total)
  }
}

const QUOTED = String.raw`"((?:[^"\\]|\\[0-9A-Fa-f]{2})*)"`
const LINES = {
  failure: new RegExp(`^failure ${QUOTED}$`),
  diagnostic: new RegExp(`^diagnostic (error|warning|remark|note) ([01]) ${QUOTED}$`),
  output: new RegExp(`^output (dwo|remarks) ${QUOTED} (\\d+)$`),
  bytes: /^(object|stderr|trace) (\d+)$/,
} as const

function parseResult(text: string, body: Buffer): WorkerResult {
  const lines = text.split('\n')
  if (lines.shift() !== 'dtlto-result 1' || lines.pop() !== '') throw new Error('not a result of this version')
  const status = /^status (compiled|failed|refused)$/.exec(lines.shift() ?? '')?.[1]
  let failure = ''
  const diagnostics: (Diagnostic & { namesModule: boolean })[] = []
  const sideOutputs: SideOutput[] = []
  const blobs: Record<'object' | 'stderr' | 'trace', Buffer> = { object: NONE, stderr: NONE, trace: NONE }
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
  return { status, failure, diagnostics, object: blobs.object, sideOutputs, stderr: blobs.stderr.toString() }
}

/** `"…"`; bytes that are not printable ASCII, `"` and `\` as `\XX`. */
function quote(text: string): string {
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
