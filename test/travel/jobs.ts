/** Jobs of links in this process, and what a worker makes of them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jobManifest } from '../../packages/dtlto/src/distributors/isolated/worker-message.js'
import type { CannotExpress, JobFile, WorkerJob } from '../../packages/dtlto/src/distributors/interface.js'
import { LinkBackendJob } from '../../packages/dtlto/src/link/backend-job.js'
import { linkFacts } from '../../packages/dtlto/src/link/facts.js'
import { JobContent } from '../../packages/dtlto/src/link/job-content.js'
import { LinkSession } from '../../packages/dtlto/src/link/session.js'
import { Travel } from '../../packages/dtlto/src/link/travel.js'

/** Starts a link, stops it where lld waits for its backends, and cancels it after `use`. Paths in `argv` must be absolute. */
export async function withJobs<T>(
  argv: readonly string[],
  use: (jobs: readonly LinkBackendJob[], session: LinkSession) => Promise<T>,
): Promise<T> {
  const session = new LinkSession(argv, true)
  try {
    const state = await session.jobsOrEnd
    if (state.at === 'end') throw new Error(`the link has no jobs: ${session.native.capturedStderr()}`)
    const driver = await session.driver
    if (driver === undefined) throw new Error('lld knows no driver, and has jobs')
    const travel = new Travel(session, linkFacts(driver, process.cwd()), argv)
    const jobs = session.native.jobs().map((facts, index) => new LinkBackendJob(session, travel, index, facts))
    return await use(jobs, session)
  } finally {
    session.native.cancel()
    await session.finished
  }
}

export function content(name: string, ...parts: readonly Uint8Array[]): JobFile {
  return new JobContent(() => parts).named(name)
}

/** The same job with memory of its own: it outlives its link. */
export function keep(job: WorkerJob | CannotExpress): WorkerJob {
  if (job.kind === 'cannot') throw new Error(`the job cannot travel: ${job.reason}`)
  return {
    ...job,
    blobs: job.blobs.map(({ role, label, file }) => {
      return { role, label, file: content(file.name, ...file.parts().map((part) => Buffer.from(part))) }
    }),
  }
}

export interface KeptJob {
  readonly moduleId: string
  readonly job: WorkerJob
  /** The object as this process makes it. */
  readonly object: Uint8Array
}

/** All jobs of a link, kept. `objects: false` leaves the objects empty, for slow ones. */
export function keptJobs(argv: readonly string[], { objects = true } = {}): Promise<KeptJob[]> {
  return withJobs(argv, async (jobs, session) => {
    const kept: KeptJob[] = []
    for (const job of jobs) {
      kept.push({
        moduleId: job.moduleId,
        job: keep(await job.forWorker()),
        object: Buffer.from(objects ? await session.native.compileToMemory(job.index) : []),
      })
    }
    return kept
  })
}

/** Writes the directory form. */
export function writeJob(job: WorkerJob, directory: string): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'job.txt'), jobManifest(job))
  for (const { file } of job.blobs) writeFileSync(join(directory, file.digest()), file.bytes())
}
