/**
 * A distributor that writes every job that comes to `directory` and compiles none, so that the linker's process makes the objects: how real jobs
 * come out of a real link, for checks that need no linker. captured-job.ts reads them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineDistributor } from 'dtlto/plugin'
import type { BackendJob, CannotExpress, ClangJob, JobBlob, JobContent, JobPackage } from 'dtlto/plugin'

/** The bytes are in a file named by this digest. */
export interface SavedContent {
  readonly digest: string
}

export interface SavedPackage extends Omit<JobPackage, 'blobs' | 'forClang'> {
  readonly blobs: readonly (Omit<JobBlob, 'content'> & SavedContent)[]
  readonly clang: SavedClangJob | CannotExpress
}

export interface SavedClangJob extends Omit<ClangJob, 'files'> {
  readonly files: readonly (SavedContent & { readonly name: string })[]
}

export type SavedFacts = Omit<BackendJob, 'cacheKey' | 'package'>

export interface SavedJob {
  readonly facts: SavedFacts
  readonly cacheKey: string
  readonly package: SavedPackage | CannotExpress
}

export default defineDistributor({
  name: 'capture',
  apiVersion: '2.0.0',
  options: { directory: { type: 'string', description: 'where the jobs go', default: '.' } },
  open(_context, { directory }) {
    mkdirSync(directory, { recursive: true })
    const save = async (content: JobContent): Promise<SavedContent> => {
      const digest = await content.digest()
      writeFileSync(join(directory, digest), content.bytes())
      return { digest }
    }
    return {
      endpoints: () => [{ id: 'capture', slots: 1, accepting: true }],
      async compile(job) {
        const packed = await job.package()
        const { index, task, moduleId, targetTriple, bitcodeBytes, importedModules, importedBytes, cost } = job
        const saved: SavedJob = {
          facts: { index, task, moduleId, targetTriple, bitcodeBytes, importedModules, importedBytes, cost },
          cacheKey: job.cacheKey(),
          package: packed.kind === 'cannot' ? packed : await savePackage(packed, save),
        }
        writeFileSync(join(directory, `job-${String(index)}.json`), JSON.stringify(saved))
        return { kind: 'cannot', reason: 'jobs are captured here, not compiled' }
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }
  },
})

async function savePackage(
  job: JobPackage,
  save: (content: JobContent) => Promise<SavedContent>,
): Promise<SavedPackage> {
  const { kind, llvmVersion, task, objectName, replayedArgs } = job
  const blobs = job.blobs.map(async ({ role, label, content }) => ({ role, label, ...(await save(content)) }))
  const clang = await job.forClang()
  const files = clang.kind === 'cannot' ? [] : clang.files
  const savedFiles = await Promise.all(files.map(async ({ name, content }) => ({ name, ...(await save(content)) })))
  return {
    ...{ kind, llvmVersion, task, objectName, replayedArgs, blobs: await Promise.all(blobs) },
    clang: clang.kind === 'cannot' ? clang : { ...clang, files: savedFiles },
  }
}
