import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BackendJob, CannotExpress, JobContent, JobPackage } from 'dtlto/plugin'
import type { SavedJob, SavedPackage } from './capture.js'

/** A job of a link that is over: facts and bytes are real, and the object that lld made of it is known. */
export class CapturedJob implements BackendJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly importedBytes: number
  readonly cost: number
  /** What lld makes of it. */
  readonly object: Buffer
  readonly #saved: SavedJob
  readonly #directory: string
  readonly #isBroken: boolean
  readonly #contents = new Map<string, CapturedContent>()
  #package: JobPackage | CannotExpress | undefined

  constructor(directory: string, object: Buffer, saved: SavedJob, index = saved.facts.index, isBroken = false) {
    const { facts } = saved
    this.index = index
    this.task = facts.task + index - facts.index
    this.moduleId = facts.moduleId
    this.targetTriple = facts.targetTriple
    this.bitcodeBytes = facts.bitcodeBytes
    this.importedModules = facts.importedModules
    this.importedBytes = facts.importedBytes
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

  package(): Promise<JobPackage | CannotExpress> {
    this.#package ??= this.#saved.package.kind === 'cannot' ? this.#saved.package : this.#load(this.#saved.package)
    return Promise.resolve(this.#package)
  }

  /** Digests of contents whose bytes somebody wrote to. */
  get damaged(): readonly string[] {
    return [...this.#contents.values()].filter(({ isDamaged }) => isDamaged).map(({ hash }) => hash)
  }

  /** Leases that nobody has released. */
  get leases(): number {
    return [...this.#contents.values()].reduce((sum, { leases }) => sum + leases, 0)
  }

  #load({ blobs, clang, ...facts }: SavedPackage): JobPackage {
    const own = blobs.find(({ role }) => role === 'own')?.digest
    const content = ({ digest }: { readonly digest: string }): JobContent => this.#content(digest, digest === own)
    return {
      ...facts,
      task: this.task,
      blobs: blobs.map(({ role, label, digest }) => ({ role, label, content: content({ digest }) })),
      forClang: () => {
        if (clang.kind === 'cannot') return Promise.resolve(clang)
        return Promise.resolve({
          ...clang,
          files: clang.files.map((file) => ({ name: file.name, content: content(file) })),
        })
      },
    }
  }

  /** The same for everybody, as in a link. */
  #content(digest: string, isModule: boolean): CapturedContent {
    let content = this.#contents.get(digest)
    if (content === undefined) {
      const bytes = isModule && this.#isBroken ? NO_MODULE : readFileSync(join(this.#directory, digest))
      content = new CapturedContent(Buffer.from(bytes))
      this.#contents.set(digest, content)
    }
    return content
  }
}

class CapturedContent implements JobContent {
  readonly hash: string
  leases = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.hash = sha256(bytes)
  }

  get id(): string {
    return this.hash.slice(0, 16)
  }

  get sizeBytes(): number {
    return this.#bytes.length
  }

  get isDamaged(): boolean {
    return sha256(this.#bytes) !== this.hash
  }

  digest(): Promise<string> {
    return Promise.resolve(this.hash)
  }

  lease(): ReturnType<JobContent['lease']> {
    const middle = this.#bytes.length >> 1
    let held = 1
    this.leases++
    return {
      parts: [this.#bytes.subarray(0, middle), this.#bytes.subarray(middle)],
      release: () => {
        this.leases -= held
        held = 0
      },
    }
  }

  bytes(): Uint8Array {
    return Buffer.from(this.#bytes)
  }
}

const NO_MODULE = Buffer.from('BC\u0001 this is not the bitcode that it seems to be')

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
