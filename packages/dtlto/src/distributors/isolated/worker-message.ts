/**
 * Messages to and from dtlto-codegen, pure. The formats stand at the head of packages/native/src/llvm/job_codec.cpp: a magic of four
 * bytes, the text's size (u32), the body's size (u64), both little-endian; text; body.
 */
import type { Diagnostic, SideOutput, WorkerBlob, WorkerJob } from '../interface.js'

const HEADER_BYTES = 16
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
  #total = HEADER_BYTES

  /** The result, when it is complete. Throws for bytes that are no result. */
  push(chunk: Buffer): WorkerResult | undefined {
    this.#chunks.push(chunk)
    this.#have += chunk.length
    if (this.#total === HEADER_BYTES && this.#have >= HEADER_BYTES) this.#readHeader()
    if (this.#have < this.#total) return undefined
    if (this.#have > this.#total) throw new Error('more than one result for a job')
    if (this.#total === HEADER_BYTES) return undefined
    const all = Buffer.concat(this.#chunks)
    const textBytes = this.#textBytes
    this.#chunks = []
    this.#have = 0
    this.#total = HEADER_BYTES
    return parseResult(
      all.subarray(HEADER_BYTES, HEADER_BYTES + textBytes).toString('latin1'),
      all.subarray(HEADER_BYTES + textBytes),
    )
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

function parseResult(text: string, body: Buffer): WorkerResult {
  const lines = text.split('\n')
  if (lines.shift() !== 'dtlto-result 1' || lines.pop() !== '') throw new Error('not a result of this version')
  const status = /^status (compiled|failed|refused)$/.exec(lines.shift() ?? '')?.[1]
  let failure = ''
  const diagnostics: (Diagnostic & { namesModule: boolean })[] = []
  const sideOutputs: SideOutput[] = []
  let object: Uint8Array = new Uint8Array()
  let stderr = ''
  let offset = 0
  const take = (size: string | undefined): Buffer => {
    const end = offset + Number(size)
    if (!(end <= body.length)) throw new Error('a result shorter than its lines say')
    const bytes = body.subarray(offset, end)
    offset = end
    return bytes
  }
  for (const line of lines) {
    const [, kind, detail, quoted, size] =
      /^([a-z]+)(?: ([a-z0-9-]+(?: [01](?= "))?))?(?: "((?:[^"\\]|\\..)*)")?(?: (\d+))?$/s.exec(line) ?? []
    switch (kind) {
      case 'failure':
        failure = unquote(quoted)
        break
      case 'diagnostic': {
        const [severity, names] = (detail ?? '').split(' ')
        diagnostics.push({
          severity: severity as Diagnostic['severity'],
          message: unquote(quoted),
          namesModule: names === '1',
        })
        break
      }
      case 'object':
        object = take(detail)
        break
      case 'output':
        sideOutputs.push({ kind: detail as SideOutput['kind'], path: unquote(quoted), bytes: take(size) })
        break
      case 'stderr':
        stderr = take(detail).toString()
        break
      case 'trace':
        take(detail)
        break
      default:
        throw new Error(`a result with an unknown line '${line.slice(0, 80)}'`)
    }
  }
  if (status === 'refused') return { status, failure }
  if (status !== 'compiled' && status !== 'failed') throw new Error('a result without a status')
  return { status, failure, diagnostics, object, sideOutputs, stderr }
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
