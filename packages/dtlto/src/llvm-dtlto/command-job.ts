/** A compile command of lld's as a job for distributors that run a stock clang. */
import { readFileSync, statSync } from 'node:fs'
import { native } from '@dtlto/native'
import type {
  BackendJob,
  CannotExpress,
  ClangJob,
  JobBlob,
  JobFile,
  JobPackage,
  LinkFacts,
} from '../distributors/interface.js'
import { LinkContent } from '../link/job-content.js'
import { instructionsIn, jobCost } from '../link/job-cost.js'
import { INDEX_NAME, OUTPUT_NAME } from '../link/job-packages.js'
import type { CompileCommand } from './jobs-file.js'

/** Why dtlto-codegen has no use for such jobs: they hold no options of the link, only arguments for clang. */
export const NEEDS_CLANG =
  "dtlto-codegen cannot take lld's commands: use a distributor that runs a stock clang (distcc, or reapi with toolchain=image), or link with ld.dtlto"

/** Files that jobs share are read once. */
export class FileContents {
  readonly #contents = new Map<string, LinkContent>()

  of(path: string): LinkContent {
    let content = this.#contents.get(path)
    if (content === undefined) {
      content = new LinkContent(`m${String(this.#contents.size)}`, () => [readFileSync(path)])
      this.#contents.set(path, content)
    }
    return content
  }
}

export class CommandJob implements BackendJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly importedBytes: number
  readonly cost: number
  readonly command: CompileCommand
  readonly #facts: LinkFacts
  readonly #files: FileContents
  #package: Promise<JobPackage | CannotExpress> | undefined

  constructor(command: CompileCommand, index: number, facts: LinkFacts, files: FileContents) {
    this.command = command
    this.index = index
    this.task = index
    this.#facts = facts
    this.#files = files
    this.moduleId = command.module
    this.targetTriple =
      /^--target=(.*)$/.exec(command.args.find((each) => each.startsWith('--target=')) ?? '')?.[1] ?? ''
    const imported = command.inputs.filter((path) => path !== command.module && path !== command.index)
    this.bitcodeBytes = sizeOf(command.module)
    this.importedModules = imported.length
    this.importedBytes = imported.reduce((sum, path) => sum + sizeOf(path), 0)
    // There are no summaries to count instructions in.
    this.cost = jobCost({ instructions: instructionsIn(this.bitcodeBytes), importedBytes: this.importedBytes })
  }

  cacheKey(): string {
    return ''
  }

  package(): Promise<JobPackage | CannotExpress> {
    this.#package ??= Promise.resolve().then(() => this.#pack())
    return this.#package
  }

  #pack(): JobPackage | CannotExpress {
    let job: ClangJob
    try {
      job = this.#clangJob()
    } catch (error) {
      return { kind: 'cannot', reason: error instanceof Error ? error.message : String(error) }
    }
    const blobs = job.files.map(({ name, content }): JobBlob => {
      if (name === INDEX_NAME) return { role: 'index', label: '', content }
      return { role: name === job.module ? 'own' : 'import', label: name, content }
    })
    return Object.freeze({
      kind: 'package',
      llvmVersion: this.#facts.llvmVersion,
      task: 0,
      objectName: '',
      replayedArgs: [],
      blobs: Object.freeze([...blobs].sort((a, b) => Number(b.role === 'own') - Number(a.role === 'own'))),
      needsClang: NEEDS_CLANG,
      forClang: () => Promise.resolve(job),
    })
  }

  /** With names in place of paths, as all jobs have: the same job is the same for everybody. */
  #clangJob(): ClangJob {
    const { args, at, module, index, inputs } = this.command
    const names = new Map<string, string>()
    const renamed = native().renameModuleIds(readFileSync(index), (ids) => {
      const width = String(ids.length).length
      for (const [i, id] of ids.entries()) names.set(id, `m${String(i).padStart(width, '0')}`)
      return [...names.values()]
    })
    const ownName = names.get(module)
    if (ownName === undefined) throw new Error(`its index '${index}' does not name '${module}'`)
    const files: JobFile[] = [{ name: INDEX_NAME, content: new LinkContent(`i${String(this.index)}`, () => [renamed]) }]
    const replaced = [...args]
    for (const path of inputs) {
      if (path === index) continue
      const name = names.get(path) ?? `f${String(files.length)}`
      files.push({ name, content: this.#files.of(path) })
      if (names.has(path)) continue
      const user = replaced.findIndex((argument) => argument.endsWith(`=${path}`))
      if (user < 0) throw new Error(`no argument names its input '${path}'`)
      replaced[user] = `${(replaced[user] as string).slice(0, -path.length)}${name}`
    }
    replaced[at.index] = `-fthinlto-index=${INDEX_NAME}`
    replaced[at.output] = OUTPUT_NAME
    // Without an ending that clang knows. It asks for the language before the file.
    replaced.splice(at.module, 1, '-x', 'ir', ownName)
    return { kind: 'clang', args: replaced, files, module: ownName, index: INDEX_NAME, output: OUTPUT_NAME }
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0 // which its compiler will say
  }
}
