/**
 * The packages of a link's jobs. Options and the files that they name are the same for all jobs: asked for once, one content each. Modules are
 * shared between jobs. A job's individual index is made on another thread when somebody asks for its package.
 */
import { availableParallelism } from 'node:os'
import { markAsUntransferable } from 'node:worker_threads'
import { native, type NativeRemoteIndex, type NativeRemoteOptions } from '@dtlto/native'
import type {
  BackendJob,
  CannotExpress,
  ClangJob,
  JobBlob,
  JobContent,
  JobFile,
  JobPackage,
  LinkFacts,
  UnreadRanges,
} from '../distributors/interface.js'
import { takeTurn } from '../distributors/turns.js'
import { InOrder } from './in-order.js'
import { LinkContent } from './job-content.js'
import { replayedArgs } from './replayed-args.js'
import type { LinkSession } from './session.js'

/** Files of a job for clang. */
export const INDEX_NAME = 'index.thinlto.bc'
export const OUTPUT_NAME = 'out.o'

/** Of modules that are in this process's memory because they were read. */
const MOST_MAPPED_BYTES = 8 * 1024 * 1024

/** As many as there are processors for: Node has four threads, which work for distributors as well. */
const STEPS_AT_ONCE = Math.min(4, availableParallelism())

const NOTHING_UNREAD = new Uint32Array(0)

interface LinkOptions extends NativeRemoteOptions {
  readonly replayed: readonly string[]
  readonly content: JobContent
  readonly contents: ReadonlyMap<string, JobContent>
}

export class JobPackages {
  readonly #session: LinkSession
  readonly #facts: LinkFacts
  readonly #argv: readonly (string | Uint8Array)[]
  readonly #modules = new Map<string, JobContent>()
  readonly #steps = new InOrder(STEPS_AT_ONCE)
  #options: LinkOptions | undefined
  /** A job of this link was asked for in clang's form: the next ones are most likely, too. */
  #isForClang = false
  /** Of modules that were asked for since all were let go. */
  #mappedBytes = 0

  constructor(session: LinkSession, facts: LinkFacts, argv: readonly (string | Uint8Array)[]) {
    this.#session = session
    this.#facts = facts
    this.#argv = argv
  }

  async make(job: Pick<BackendJob, 'index' | 'moduleId' | 'task' | 'cost'>): Promise<JobPackage | CannotExpress> {
    await takeTurn(job.cost)
    const options = (this.#options ??= this.#readOptions())
    if (options.reasonNotRemote !== '') return { kind: 'cannot', reason: options.reasonNotRemote }
    const made = await this.#steps.run(job.cost, () => this.#session.native.remoteIndex(job.index, this.#isForClang))
    const { bytes, modules } = made
    const own = modules.find(({ moduleId }) => moduleId === job.moduleId)
    if (!own) throw new Error(`the individual index of '${job.moduleId}' does not name it`)
    const imported = modules.filter((module) => module.imported)
    let unread: Promise<ReadonlyMap<string, UnreadRanges>> | undefined
    const blobs: JobBlob[] = [
      { role: 'own', label: own.name, content: this.#module(own.moduleId) },
      ...imported.map(
        ({ name, moduleId }): JobBlob => ({
          role: 'import',
          label: name,
          content: this.#module(moduleId),
          unread: async () => (await (unread ??= this.#unreadImports(job, made))).get(moduleId) ?? NOTHING_UNREAD,
        }),
      ),
      { role: 'index', label: '', content: new LinkContent(`i${String(job.index)}`, () => [bytes]) },
      { role: 'options', label: '', content: options.content },
      ...[...options.contents].map(([label, content]): JobBlob => ({ role: 'file', label, content })),
    ]
    const objectName = options.needsObjectName ? this.#session.native.objectPathName(job.index) : ''
    let clang: Promise<ClangJob | CannotExpress> | undefined
    return Object.freeze({
      kind: 'package',
      llvmVersion: this.#facts.llvmVersion,
      // It is in names of files beside the object and in nothing else: without them a module that is added to the link leaves other jobs what they were.
      task: this.#session.native.sideOutputPaths(job.index).length > 0 ? job.task : 0,
      objectName,
      replayedArgs: options.replayed,
      blobs: Object.freeze(blobs),
      forClang: () => (clang ??= this.#clangJob(job, made, options, objectName, blobs)),
    })
  }

  async #unreadImports(
    { index, cost }: Pick<BackendJob, 'index' | 'cost'>,
    { unread }: NativeRemoteIndex,
  ): Promise<ReadonlyMap<string, UnreadRanges>> {
    const imports = unread ?? (await this.#steps.run(cost, () => this.#session.native.unreadImports(index)))
    await takeTurn(cost)
    return new Map(imports.map(({ moduleId, ranges }) => [moduleId, ranges]))
  }

  #readOptions(): LinkOptions {
    const { flavour } = this.#facts
    const expanded = native().expandResponseFiles(this.#argv, flavour === 'coff')
    const replayed = replayedArgs(expanded, flavour)
    const options = this.#session.native.remoteOptions(replayed)
    const text = Buffer.from(options.text)
    const contents = new Map(
      options.files.map(({ field, bytes }, i) => [field, new LinkContent(`f${String(i)}`, () => [bytes])]),
    )
    return { ...options, replayed, contents, content: new LinkContent('options', () => [text]) }
  }

  #module(moduleId: string): JobContent {
    let content = this.#modules.get(moduleId)
    if (!content) {
      content = new LinkContent(`m${String(this.#modules.size)}`, () => {
        const parts = this.#session.native.moduleParts(moduleId)
        // All jobs share them, and some are memory of lld: nobody may take them away, neither by mistake.
        for (const part of parts) markAsUntransferable(part.buffer)
        this.#forgetModules(parts)
        return parts
      })
      this.#modules.set(moduleId, content)
    }
    return content
  }

  /** Modules are read soon after they are asked for, and most of them once. */
  #forgetModules(parts: readonly Uint8Array[]): void {
    for (const { length } of parts) this.#mappedBytes += length
    if (this.#mappedBytes < MOST_MAPPED_BYTES) return
    this.#mappedBytes = 0
    this.#session.native.forgetModules()
  }

  async #clangJob(
    { index, cost }: Pick<BackendJob, 'index' | 'cost'>,
    made: NativeRemoteIndex,
    options: LinkOptions,
    objectName: string,
    blobs: readonly JobBlob[],
  ): Promise<ClangJob | CannotExpress> {
    if (options.reasonNotForClang !== '') return { kind: 'cannot', reason: options.reasonNotForClang }
    this.#isForClang = true
    const module = made.clang ?? (await this.#steps.run(cost, () => this.#session.native.clangModule(index)))
    if (module.reason !== '') return { kind: 'cannot', reason: module.reason }
    await takeTurn(cost)
    return clangJob(options, module.args, objectName, blobs)
  }
}

function clangJob(
  options: LinkOptions,
  moduleArgs: readonly string[],
  objectName: string,
  blobs: readonly JobBlob[],
): ClangJob {
  const args = [...options.clangArgs]
  for (const { argIndex, field } of options.clangFiles) args[argIndex] = `${args[argIndex] ?? ''}${field}`
  args.push(...moduleArgs)
  if (options.needsObjectName) args.push('-Xclang', `-object-file-name=${objectName}`)
  const files = blobs.flatMap(({ role, label, content, unread }): JobFile[] => {
    switch (role) {
      case 'own':
      case 'import':
        return [{ name: label, content, ...(unread && { unread }) }]
      case 'index':
        return [{ name: INDEX_NAME, content }]
      case 'options':
        return []
      case 'file':
        return options.clangFiles.some(({ field }) => field === label) ? [{ name: label, content }] : []
    }
  })
  const module = blobs[0]?.label ?? ''
  args.push('-c', '-x', 'ir', module, `-fthinlto-index=${INDEX_NAME}`, '-o', OUTPUT_NAME)
  return { kind: 'clang', args, files, module, index: INDEX_NAME, output: OUTPUT_NAME }
}
