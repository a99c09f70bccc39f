import type { Diagnostic } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { printable, printableLine } from '../printable.js'
import type { Endpoints } from '../scheduler/endpoints.js'
import type { Home } from '../scheduler/home.js'
import { schedule } from '../scheduler/schedule.js'
import { acceptor } from './accept.js'
import type { LinkBackendJob } from './backend-job.js'
import { CLOCK } from './clock.js'
import type { FinishedJobs } from './finished-jobs.js'
import type { LinkRequest } from './request.js'
import { type Doubts, NO_DOUBTS } from './second-link.js'
import type { LinkSession } from './session.js'

export interface Compiling {
  readonly jobs: readonly LinkBackendJob[]
  readonly session: LinkSession
  readonly home: Home | undefined
  readonly homeTakesPart: boolean
  readonly endpoints: Endpoints
  /** All distributors use this machine alone. */
  readonly inLldOrder: boolean
  /** Whether nothing can have changed what the distributor of this name returns. */
  readonly hasIntegrity: (distributorName: string) => boolean
  /** For those who keep results for later links; undefined if nobody does. */
  readonly finished: FinishedJobs | undefined
  readonly request: LinkRequest
  readonly signal: AbortSignal
}

/**
 * Settles every job: lld has its object, or knows why there is none. Resolves with the sources of objects that were not verified; with none if the
 * link fails whatever they are, because a job failed or lld had found errors before.
 */
export async function compileJobs({
  jobs,
  session,
  home,
  homeTakesPart,
  endpoints,
  inLldOrder,
  hasIntegrity,
  finished,
  request,
  signal,
}: Compiling): Promise<Doubts> {
  const { settings, events, pastMs } = request
  const { accept, end, report, doubts } = acceptor(jobs, session, {
    ...settings,
    hasIntegrity,
    onSafe: finished && ((job, result, from) => finished.cameFrom(job, result, from)),
  })
  const results = await schedule({
    jobs,
    home,
    homeTakesPart,
    endpoints,
    inLldOrder,
    clock: CLOCK,
    accept,
    pastMs,
    signal,
    onEvent: (event) => {
      events.schedule(event)
      if (event.kind === 'job-ended') jobs[event.job]?.forget()
    },
  })
  end()
  if (signal.aborted) return NO_DOUBTS
  for (const [index, result] of results.entries()) {
    switch (result.kind) {
      case 'done':
        report(index)
        break
      case 'cancelled':
        break
      case 'failed':
        session.native.fail(index, explain(result.error, jobs[index] as LinkBackendJob))
        break
      case 'does-not-compile':
        // From this process lld has the diagnostics already, and this changes nothing.
        session.native.fail(index, render(result.diagnostics, jobs[index] as LinkBackendJob))
        break
    }
  }
  const fails = session.native.hasErrors() || results.some(({ kind }) => kind !== 'done')
  return fails ? NO_DOUBTS : doubts
}

function explain(error: unknown, job: LinkBackendJob): string {
  const message = error instanceof Error ? error.message : String(error)
  return printableLine(DtltoError.is(error) && message.includes(job.moduleId) ? message : `${job.moduleId}: ${message}`)
}

/** As lld would print them, where they came with the backend's words. */
function render(diagnostics: readonly Diagnostic[], { moduleId }: LinkBackendJob): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => printable(message))
  const [first = 'does not compile', ...others] = errors
  const named = first.startsWith(moduleId) ? first : `${printableLine(moduleId)}: ${first}`
  return [named, ...others].join('\n>>> ')
}
