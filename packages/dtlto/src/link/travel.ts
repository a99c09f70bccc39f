/**
 * Jobs that leave the process. Options are the same for all jobs of a link and asked for once; module contents are shared between jobs;
 * a job's individual index is made on another thread when somebody asks for it.
 */
import { markAsUntransferable } from 'node:worker_threads'
import { native, type NativeTravelOptions } from '@dtlto/native'
import type {
  BackendJob,
  CannotExpress,
  ClangJob,
  JobFile,
  LinkFacts,
  WorkerBlob,
  WorkerJob,
} from '../distributors/interface.js'
import { JobContent } from './job-content.js'
import { replayedArgs } from './replayed-args.js'
import type { LinkSession } from './session.js'

type JobFacts = Pick<BackendJob, 'index' | 'moduleId' | 'task'>

const INDEX_NAME = 'index.thinlto.bc'
const OUTPUT_NAME = 'out.o'

interface LinkOptions extends NativeTravelOptions {
  readonly replayed: readonly string[]
  /** The options' text. */
  readonly content: JobContent
  /** Of the files that options name; their names are the options' fields. */
  readonly contents: readonly JobFile[]
}

export class Travel {
  readonly #session: LinkSession
  readonly #facts: LinkFacts
  readonly #argv: readonly (string | Uint8Array)[]
  readonly #modules = new Map<string, JobContent>()
  #options: Promise<LinkOptions> | undefined

  constructor(session: LinkSession, facts: LinkFacts, argv: readonly (string | Uint8Array)[]) {
    this.#session = session
    this.#facts = facts
    this.#argv = argv
  }

  async forWorker(job: JobFacts): Promise<WorkerJob | CannotExpress> {
    const options = await this.#linkOptions()
    if (options.reasonToCompileHere !== '') return { kind: 'cannot', reason: options.reasonToCompileHere }
    const { own, imports, index } = await this.#parts(job)
    const blobs: WorkerBlob[] = [
      { role: 'own', label: own.name, file: own },
      ...imports.map((file): WorkerBlob => ({ role: 'import', label: file.name, file })),
      { role: 'index', label: '', file: index },
      { role: 'options', label: '', file: options.content.named('options') },
      ...options.contents.map((file): WorkerBlob => ({ role: 'file', label: file.name, file })),
    ]
    return {
      kind: 'worker',
      llvmVersion: this.#facts.llvmVersion,
      task: job.task,
      objectName: options.needsObjectName ? this.#session.native.objectPathName(job.index) : '',
      replayedArgs: options.replayed,
      blobs,
    }
  }

  async forClang(job: JobFacts): Promise<ClangJob | CannotExpress> {
    const options = await this.#linkOptions()
    const reason = options.reasonToCompileHere || options.reasonNotForClang
    if (reason !== '') return { kind: 'cannot', reason }
    const module = await this.#session.native.clangModule(job.index, this.#facts.flavour)
    if (module.reason !== '') return { kind: 'cannot', reason: module.reason }
    const { own, imports, index } = await this.#parts(job)
    const args = [...options.clangArgs]
    for (const { argIndex, field } of options.clangFiles) args[argIndex] = `${args[argIndex] ?? ''}${field}`
    const needed = options.contents.filter(({ name }) => options.clangFiles.some(({ field }) => field === name))
    args.push(...module.args)
    if (options.needsObjectName)
      args.push('-Xclang', `-object-file-name=${this.#session.native.objectPathName(job.index)}`)
    args.push('-c', '-x', 'ir', own.name, `-fthinlto-index=${INDEX_NAME}`, '-o', OUTPUT_NAME)
    return {
      kind: 'clang',
      args,
      files: [own, index, ...imports, ...needed],
      module: own.name,
      index: INDEX_NAME,
      output: OUTPUT_NAME,
    }
  }

  /** Made once. Profiles may have many megabytes: their digests are computed once, too, and piece by piece. */
  #linkOptions(): Promise<LinkOptions> {
    this.#options ??= this.#makeLinkOptions()
    return this.#options
  }

  async #makeLinkOptions(): Promise<LinkOptions> {
    const { flavour } = this.#facts
    const expanded = native().expandResponseFiles(this.#argv, flavour === 'coff')
    const replayed = replayedArgs(expanded, flavour)
    const options = this.#session.native.travelOptions(flavour, replayed)
    const text = Buffer.from(options.text)
    const files = options.files.map(({ field, bytes }) => ({ field, content: new JobContent(() => [bytes]) }))
    for (const { content } of files) await content.computeDigest()
    return {
      ...options,
      replayed,
      content: new JobContent(() => [text]),
      contents: files.map(({ field, content }) => content.named(field)),
    }
  }

  async #parts(job: JobFacts): Promise<{ own: JobFile; imports: JobFile[]; index: JobFile }> {
    const { bytes, modules } = await this.#session.native.travelIndex(job.index)
    const own = modules.find(({ moduleId }) => moduleId === job.moduleId)
    if (!own) throw new Error(`the individual index of '${job.moduleId}' does not name it`)
    return {
      own: this.#module(own.moduleId).named(own.name),
      imports: modules
        .filter(({ imported }) => imported)
        .map(({ moduleId, name }) => this.#module(moduleId).named(name)),
      index: new JobContent(() => [bytes]).named(INDEX_NAME),
    }
  }

  #module(moduleId: string): JobContent {
    let content = this.#modules.get(moduleId)
    if (!content) {
      content = new JobContent(() => {
        const parts = this.#session.native.moduleParts(moduleId)
        // All jobs share them, and some are memory of lld: nobody may take them away, neither by mistake.
        for (const part of parts) markAsUntransferable(part.buffer)
        return parts
      })
      this.#modules.set(moduleId, content)
    }
    return content
  }
}
