import { performance } from 'node:perf_hooks'
import type { Diagnostic } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { printableLine } from '../printable.js'
import type { Clock } from '../scheduler/clock.js'
import type { LaneSpec } from '../scheduler/lane.js'
import { schedule } from '../scheduler/schedule.js'
import { acceptor, type DoubtfulSources } from './accept.js'
import type { LinkBackendJob } from './backend-job.js'
import type { LinkRequest } from './link.js'
import type { LinkSession } from './session.js'

/** The scheduler's time in a real link. */
const CLOCK: Clock = {
  now: () => performance.now(),
  setTimer: (atMs, fn) => {
    const timer = setTimeout(fn, Math.max(0, atMs - performance.now()))
    return () => {
      clearTimeout(timer)
    }
  },
}

/** Settles every job: its object is in lld's hands, or lld knows why there is none. Resolves with whose objects nobody can vouch for. */
export async function compileJobs(
  jobs: readonly LinkBackendJob[],
  session: LinkSession,
  lanes: readonly LaneSpec[],
  { settings, events, pastMs }: LinkRequest,
  hasIntegrity: (distributorName: string) => boolean,
  signal: AbortSignal,
): Promise<DoubtfulSources> {
  const { accept, end, say, doubtful } = acceptor(jobs, session, { ...settings, hasIntegrity })
  const results = await schedule({
    jobs,
    distributors: lanes,
    clock: CLOCK,
    accept,
    policy: { fallback: settings.fallback },
    ...(pastMs && { pastMs }),
    signal,
    onEvent: (event) => {
      events.emit({ type: 'scheduler', event })
      if (event.kind === 'warning') {
        events.emit({ type: 'warning', distributor: event.distributor, kind: event.warning, message: event.message })
      }
    },
  })
  end()
  if (signal.aborted) return doubtful
  for (const [index, result] of results.entries()) {
    switch (result.kind) {
      case 'done':
        say(index)
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
  return doubtful
}

function explain(error: unknown, job: LinkBackendJob): string {
  const message = error instanceof Error ? error.message : String(error)
  return printableLine(DtltoError.is(error) && message.includes(job.moduleId) ? message : `${job.moduleId}: ${message}`)
}

function render(diagnostics: readonly Diagnostic[], job: LinkBackendJob): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => printableLine(message))
  return `${printableLine(job.moduleId)}: ${errors.length > 0 ? errors.join('\n>>> ') : 'does not compile'}`
}
