/** A clang job for a compiler that cannot be run where its files are. */
import { createHash } from 'node:crypto'
import { native } from '@dtlto/native'
import type { ClangJob, JobContent, JobFile } from '../interface.js'

/**
 * The same job whose arguments and index name its files by `directory`, an absolute path that ends with `/`. The object is the same: where modules lie is
 * no part of it. `files`, `module`, `index` and `output` keep their names within the directory.
 */
export function clangJobIn(job: ClangJob, directory: string): ClangJob {
  const names = [...job.files.map(({ name }) => name), job.output]
  const args = job.args.map((argument) => {
    const name = names.find((each) => argument === each || argument.endsWith(`=${each}`))
    return name === undefined ? argument : `${argument.slice(0, -name.length)}${directory}${name}`
  })
  const files = job.files.map((file): JobFile => {
    if (file.name !== job.index) return file
    const renamed = native().renameModuleIds(file.content.bytes(), (ids) => ids.map((id) => directory + id))
    return { name: file.name, content: contentOf(renamed, `${file.content.id}:${directory}`) }
  })
  return { ...job, args, files }
}

function contentOf(bytes: Buffer, id: string): JobContent {
  return {
    id,
    sizeBytes: bytes.length,
    digest: () => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
    lease: () => ({ parts: [bytes], release: () => undefined }),
    bytes: () => Buffer.from(bytes),
  }
}
