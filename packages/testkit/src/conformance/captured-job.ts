import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  BackendJob,
  CannotExpress,
  ClangJob,
  CompiledHere,
  DoesNotCompile,
  JobFile,
  WorkerJob,
} from 'dtlto/plugin'
import type { SavedFile, SavedJob } from './capture.js'

/**
 * A job of a link that is over: facts and bytes are real. Compiling it "in this process" takes the time that it took, and no more.
 */
export class CapturedJob implements BackendJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly cost: number
  /** What lld makes of it. */
  readonly object: Buffer
  readonly #saved: SavedJob
  readonly #directory: string
  readonly #isBroken: boolean
  /** The same views for everybody, as in a link. */
  readonly #bytes = new Map<string, Buffer>()

  constructor(directory: string, object: Buffer, saved: SavedJob, index = saved.facts.index, isBroken = false) {
    const { facts } = saved
    this.index = index
    this.task = facts.task + index - facts.index
    this.moduleId = facts.moduleId
    this.targetTriple = facts.targetTriple
    this.bitcodeBytes = facts.bitcodeBytes
    this.importedModules = facts.importedModules
    this.cost = facts.cost
    this.object = object
    this.#saved = saved
    this.#directory = directory
    this.#isBroken = isBroken
  }

  /** The same job at another position of the link. */
  at(index: number): CapturedJob {
    return new CapturedJob(this.#directory, this.object, this.#saved, index)
  }

  /** The job with a module that no compiler can read. */
  broken(): CapturedJob {
    return new CapturedJob(this.#directory, this.object, this.#saved, this.index, true)
  }

  cacheKey(): string {
    return this.#isBroken ? '' : this.#saved.cacheKey
  }

  async compileInProcess(signal?: AbortSignal): Promise<CompiledHere | DoesNotCompile> {
    signal?.throwIfAborted()
    const { compileMs } = this.#saved
    // LLVM cannot be interrupted.
    await sleep(this.#isBroken ? 1 : compileMs)
    return this.#isBroken ? { kind: 'does-not-compile', diagnostics: [] } : { kind: 'here', timings: { compileMs } }
  }

  forClang(): Promise<ClangJob | CannotExpress> {
    const { clang } = this.#saved
    if (clang.kind === 'cannot') return Promise.resolve(clang)
    const files = clang.files.map((file) => this.#file(file, file.name === clang.module))
    return Promise.resolve({ ...clang, files })
  }

  forWorker(): Promise<WorkerJob | CannotExpress> {
    const { worker } = this.#saved
    if (worker.kind === 'cannot') return Promise.resolve(worker)
    const blobs = worker.blobs.map((blob) => ({ ...blob, file: this.#file(blob.file, blob.role === 'own') }))
    return Promise.resolve({ ...worker, blobs })
  }

  /** Names of files whose bytes somebody wrote to. */
  get damaged(): readonly string[] {
    return [...this.#bytes]
      .filter(([key, bytes]) => !key.endsWith(sha256(bytes)))
      .map(([key]) => key.split('\0')[0] ?? '')
  }

  #file({ name, digest }: SavedFile, isModule: boolean): JobFile {
    const content = isModule && this.#isBroken ? NO_MODULE : undefined
    const hash = content === undefined ? digest : sha256(content)
    const key = `${name}\0${hash}`
    const bytes = this.#bytes.get(key) ?? Buffer.from(content ?? readFileSync(join(this.#directory, digest)))
    this.#bytes.set(key, bytes)
    const middle = bytes.length >> 1
    return {
      name,
      sizeBytes: bytes.length,
      digest: () => hash,
      parts: () => [bytes.subarray(0, middle), bytes.subarray(middle)],
      bytes: () => bytes,
    }
  }
}

const NO_MODULE = Buffer.from('BC\u0001 this is not the bitcode that it seems to be')

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
