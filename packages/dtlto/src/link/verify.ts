import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codegenDirectory } from '../distributors/codegen/message.js'
import { DtltoError } from '../errors.js'
import { makeDirectory } from '../make-directory.js'
import type { LinkBackendJob } from './backend-job.js'
import type { LinkSession } from './session.js'

/** Whether the job is in the sample of so many per cent: by its content, so that the same link verifies the same jobs and a changed one others. */
export function isInSample(job: LinkBackendJob, percent: number): boolean {
  if (percent <= 0 || percent >= 100) return percent > 0
  const digest = createHash('sha256').update(job.cacheKey()).update('\0').update(job.moduleId).digest()
  return digest.readUInt32LE() < (percent / 100) * 2 ** 32
}

/**
 * --distribute-verify: makes the object in this process, too, and compares. A difference means that a worker is not what it should be, or a defect of
 * dtlto; both objects and the job are kept for the report, and the error ends the link. Throws DTLTO_VERIFY_MISMATCH.
 */
export async function verifyObject(job: LinkBackendJob, object: Uint8Array, session: LinkSession): Promise<void> {
  const own = await session.native.compileToMemory(job.index)
  if (Buffer.compare(own, object) === 0) return
  const directory = join(process.cwd(), `dtlto-verify-${String(job.task)}`)
  makeDirectory(directory)
  writeFileSync(join(directory, 'in-process.o'), own)
  writeFileSync(join(directory, 'distributed.o'), object)
  await saveJob(job, join(directory, 'job'))
  throw new DtltoError(
    'DTLTO_VERIFY_MISMATCH',
    `the distributed object of '${job.moduleId}' differs from the one made in this process: see '${directory}'`,
    { details: { module: job.moduleId, directory } },
  )
}

/** The job as a directory that `dtlto-codegen --job` takes. */
async function saveJob(job: LinkBackendJob, directory: string): Promise<void> {
  const packed = await job.package()
  if (packed.kind === 'cannot') return
  makeDirectory(directory)
  for (const { name, bytes } of await codegenDirectory(packed)) writeFileSync(join(directory, name), bytes())
}
