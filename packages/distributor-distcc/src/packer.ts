import { setImmediate as nextTurn } from 'node:timers/promises'
import { lzo1xCompress } from './lzo1x-encode.js'
import { encodeRequest, MAX_BODY_BYTES, type RequestFile } from './request.js'
import type { WireJob } from './wire-job.js'

/** Compressing longer than about this many bytes at a stretch would keep the event loop from its sockets. */
const STRETCH_BYTES = 2 * 1024 * 1024

/**
 * Makes requests out of jobs. A module is imported by many others, so compressed modules are kept, by the ids of their contents, up to
 * `budgetBytes`; the one that was not used for longest goes first.
 */
export class Packer {
  readonly #budgetBytes: number
  readonly #kept = new Map<string, Uint8Array>()
  #keptBytes = 0
  /** Bytes before and after compression, for the trace. */
  readonly totals = { files: 0, hits: 0, plainBytes: 0, sentBytes: 0 }

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  /** The request of `job` for a server whose compiler is called `compiler`. Rejects with the signal's reason when aborted. */
  async pack(job: WireJob, compiler: string, signal: AbortSignal): Promise<Uint8Array[]> {
    const files: RequestFile[] = []
    let stretch = 0
    for (const { name, content, shared } of job.files) {
      if (content.sizeBytes === 0) {
        files.push({ name, compressed: new Uint8Array(0) })
        continue
      }
      const key = shared ? content.id : undefined
      let compressed = key === undefined ? undefined : this.#kept.get(key)
      if (compressed === undefined) {
        if (stretch > STRETCH_BYTES) {
          await nextTurn()
          stretch = 0
        }
        signal.throwIfAborted()
        compressed = lzo1xCompress(content.bytes())
        stretch += content.sizeBytes
      } else this.totals.hits++
      if (key !== undefined) this.#keep(key, compressed)
      this.totals.files++
      this.totals.plainBytes += content.sizeBytes
      this.totals.sentBytes += compressed.length
      files.push({ name, compressed })
    }
    const { name, text } = job.responseFile
    files.push({ name, compressed: lzo1xCompress(Buffer.from(text)) })
    return encodeRequest({ workingDirectory: job.workingDirectory, argv: [compiler, ...job.args], files })
  }

  #keep(key: string, compressed: Uint8Array): void {
    if (this.#kept.delete(key)) this.#keptBytes -= compressed.length
    this.#kept.set(key, compressed)
    this.#keptBytes += compressed.length
    for (const [oldest, bytes] of this.#kept) {
      if (this.#keptBytes <= this.#budgetBytes) return
      this.#kept.delete(oldest)
      this.#keptBytes -= bytes.length
    }
  }
}

/** True if no file of `job` is too large for the protocol, however badly it compresses. */
export function fitsProtocol(job: WireJob): boolean {
  return job.files.every(({ content }) => content.sizeBytes <= MAX_BODY_BYTES * 0.9)
}
