/**
 * A distributor that compiles in the linker's process and writes every job that passes to `directory`: how real jobs come out of a
 * real link, for checks that need no linker. captured-job.ts reads them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineDistributor } from 'dtlto/plugin'
import type { BackendJob, CannotExpress, ClangJob, JobFile, WorkerBlob, WorkerJob } from 'dtlto/plugin'

/** A file of a job; its bytes are in a file named by the digest. */
export interface SavedFile {
  readonly name: string
  readonly digest: string
}

export type Saved<Job extends ClangJob | WorkerJob> = Job extends ClangJob
  ? Omit<ClangJob, 'files'> & { readonly files: readonly SavedFile[] }
  : Omit<WorkerJob, 'blobs'> & { readonly blobs: readonly (Omit<WorkerBlob, 'file'> & { readonly file: SavedFile })[] }

export type SavedFacts = Omit<BackendJob, 'cacheKey' | 'compileInProcess' | 'forWorker' | 'forClang'>

export interface SavedJob {
  readonly facts: SavedFacts
  readonly cacheKey: string
  readonly clang: Saved<ClangJob> | CannotExpress
  readonly worker: Saved<WorkerJob> | CannotExpress
  /** How long it took in the linker's process. */
  readonly compileMs: number
}

export default defineDistributor({
  name: 'capture',
  apiVersion: '1.0.0',
  options: { directory: { type: 'string', description: 'where the jobs go', default: '.' } },
  open(context, { directory }) {
    const save = (file: JobFile): SavedFile => {
      const saved = { name: file.name, digest: file.digest() }
      writeFileSync(join(directory, saved.digest), file.bytes())
      return saved
    }
    mkdirSync(directory, { recursive: true })
    return {
      status: () => ({ slots: 1, busy: 0, queued: 0, accepting: true }),
      async compile(job, signal) {
        const clang = await job.forClang()
        const worker = await job.forWorker()
        const { index, task, moduleId, targetTriple, bitcodeBytes, importedModules, cost } = job
        const startMs = context.now()
        const saved = {
          facts: { index, task, moduleId, targetTriple, bitcodeBytes, importedModules, cost },
          cacheKey: job.cacheKey(),
          clang: clang.kind === 'cannot' ? clang : { ...clang, files: clang.files.map(save) },
          worker:
            worker.kind === 'cannot'
              ? worker
              : { ...worker, blobs: worker.blobs.map((blob) => ({ ...blob, file: save(blob.file) })) },
        }
        const result = await job.compileInProcess(signal)
        const compileMs = context.now() - startMs
        writeFileSync(
          join(directory, `job-${String(index)}.json`),
          JSON.stringify({ ...saved, compileMs } satisfies SavedJob),
        )
        return result
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }
  },
})
