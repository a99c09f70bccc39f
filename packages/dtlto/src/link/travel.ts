/**
 * Jobs that leave the process. Options are the same for all jobs of a link and asked for once; module contents are shared between jobs;
 * a job's individual index is made on another thread when somebody asks for it.
 */
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

export class Travel {
  readonly #session: LinkSession
  readonly #facts: LinkFacts
  readonly #argv: readonly (string | Uint8Array)[]
  readonly #modules = new Map<string, JobContent>()
  #options: (NativeTravelOptions & { readonly replayed: readonly string[]; readonly content: JobContent }) | undefined

  constructor(session: LinkSession, facts: LinkFacts, argv: readonly (string | Uint8Array)[]) {
    this.#session = session
    this.#facts = facts
    this.#argv = argv
  }

  async forWorker(job: JobFacts): Promise<WorkerJob | CannotExpress> {
    const options = this.#linkOptions()
    if (options.reasonToCompileHere !== '') return { kind: 'cannot', reason: options.reasonToCompileHere }
    const { own, imports, index } = await this.#parts(job)
    const blobs: WorkerBlob[] = [
      { role: 'own', label: own.name, file: own },
      ...imports.map((file): WorkerBlob => ({ role: 'import', label: file.name, file })),
      { role: 'index', label: '', file: index },
      { role: 'options', label: '', file: options.content.named('options') },
      ...options.files.map(
        ({ field, bytes }): WorkerBlob => ({
          role: 'file',
          label: field,
          file: new JobContent(() => [bytes]).named(field),
        }),
      ),
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
    const options = this.#linkOptions()
    const reason = options.reasonToCompileHere || options.reasonNotForClang
    if (reason !== '') return { kind: 'cannot', reason }
    const module = await this.#session.native.clangModule(job.index, this.#facts.flavour)
    if (module.reason !== '') return { kind: 'cannot', reason: module.reason }
    const { own, imports, index } = await this.#parts(job)
    const args = [...options.clangArgs]
    for (const { argIndex, field } of options.clangFiles) args[argIndex] = `${args[argIndex] ?? ''}${field}`
    const needed = options.files.filter(({ field }) => options.clangFiles.some((file) => file.field === field))
    args.push(...module.args)
    if (options.needsObjectName)
      args.push('-Xclang', `-object-file-name=${this.#session.native.objectPathName(job.index)}`)
    args.push('-c', '-x', 'ir', own.name, `-fthinlto-index=${INDEX_NAME}`, '-o', OUTPUT_NAME)
    return {
      kind: 'clang',
      args,
      files: [own, index, ...imports, ...needed.map(({ field, bytes }) => new JobContent(() => [bytes]).named(field))],
      module: own.name,
      index: INDEX_NAME,
      output: OUTPUT_NAME,
    }
  }

  #linkOptions() {
    if (this.#options) return this.#options
    const { flavour } = this.#facts
    const expanded = native().expandResponseFiles(this.#argv, flavour === 'coff')
    const replayed = replayedArgs(expanded, flavour)
    const options = this.#session.native.travelOptions(flavour, replayed)
    const text = Buffer.from(options.text)
    this.#options = { ...options, replayed, content: new JobContent(() => [text]) }
    return this.#options
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
      content = new JobContent(() => this.#session.native.moduleParts(moduleId))
      this.#modules.set(moduleId, content)
    }
    return content
  }
}
