/** Jobs of links in this process, and what a worker makes of them. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codegenDirectory } from '../../packages/dtlto/src/distributors/codegen/message.js'
import type { CannotExpress, JobPackage } from '../../packages/dtlto/src/distributors/interface.js'
import { LinkBackendJob } from '../../packages/dtlto/src/link/backend-job.js'
import { linkFacts } from '../../packages/dtlto/src/link/facts.js'
import { LinkContent } from '../../packages/dtlto/src/link/job-content.js'
import { JobPackages } from '../../packages/dtlto/src/link/job-packages.js'
import { LinkSession } from '../../packages/dtlto/src/link/session.js'

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
    const packages = new JobPackages(session, linkFacts(driver, process.cwd()), argv)
    const jobs = session.native.jobs().map((facts, index) => new LinkBackendJob(session, packages, index, facts))
    return await use(jobs, session)
  } finally {
    session.native.cancel()
    await session.finished
  }
}

/** Its id is its digest, which a worker checks. */
export function contentOf(bytes: Uint8Array): LinkContent {
  return new LinkContent(createHash('sha256').update(bytes).digest('hex'), () => [bytes])
}

/** The same job with memory of its own: it outlives its link. */
export function keep(job: JobPackage | CannotExpress): JobPackage {
  if (job.kind === 'cannot') throw new Error(`the job must be compiled in the linker: ${job.reason}`)
  return {
    ...job,
    blobs: job.blobs.map(({ role, label, content }) => {
      const bytes = content.bytes()
      return { role, label, content: contentOf(bytes) }
    }),
  }
}

/** The manifest of the job's directory form. */
export async function manifestOf(job: JobPackage): Promise<string> {
  const [manifest] = await codegenDirectory(job)
  return Buffer.from(manifest?.bytes() ?? []).toString()
}

export interface KeptJob {
  readonly moduleId: string
  readonly job: JobPackage
  readonly manifest: string
  /** The object as this process makes it. */
  readonly object: Uint8Array
}

/** All jobs of a link, kept. `objects: false` leaves the objects empty, for slow ones. */
export function keptJobs(argv: readonly string[], { objects = true } = {}): Promise<KeptJob[]> {
  return withJobs(argv, async (jobs, session) => {
    const kept: KeptJob[] = []
    for (const job of jobs) {
      const packed = keep(await job.package())
      kept.push({
        moduleId: job.moduleId,
        job: packed,
        manifest: await manifestOf(packed),
        object: Buffer.from(objects ? await session.native.compileToMemory(job.index) : []),
      })
    }
    return kept
  })
}

/** Writes the directory form. */
export async function writeJob(job: JobPackage, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true })
  for (const { name, bytes } of await codegenDirectory(job)) writeFileSync(join(directory, name), bytes())
}
