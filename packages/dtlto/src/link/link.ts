/**
 * The link, as a list of its phases. lld runs on its own thread from the second phase on; this function is the other half of it.
 */
import type { NativeArgument } from '@dtlto/native'
import type { Settings } from '../config/settings.js'
import type { BackendJob } from '../distributors/interface.js'
import {
  type OpenDistributors,
  openDistributors,
  type PreparedDistributor,
  prepareDistributors,
} from './distributors.js'
import type { LaneSpec } from '../scheduler/lane.js'
import type { LinkEvents } from './events.js'
import { LinkBackendJob } from './backend-job.js'
import { compileJobs } from './compile-jobs.js'
import { DistributionCheck, type Reachable } from './required.js'
import { LinkSession } from './session.js'
import { linkFacts } from './facts.js'
import { Travel } from './travel.js'

export interface LinkRequest {
  /** lld's command line. argv[0] is the path of the stock program to stand in for: it selects the flavour. */
  readonly argv: readonly NativeArgument[]
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  /**
   * True keeps lld's output in memory and survives its fatal errors. False is what a linker program wants: output goes to file
   * descriptors 1 and 2, and a fatal error of lld ends the process with lld's exit code.
   */
  readonly capture: boolean
  /** Milliseconds that the job's backend took in a past link, if known: the longest are then started first. */
  readonly pastMs?: ((job: BackendJob) => number | undefined) | undefined
  readonly signal?: AbortSignal
  readonly events: LinkEvents
}

export interface LinkResult {
  /** lld's exit code. */
  readonly exitCode: number
  /** lld's output when it was captured, else empty. */
  readonly stdout: string
  readonly stderr: string
}

/** Runs one link. Rejects with a DtltoError for settings or plugins that cannot be used; what lld finds wrong is its exit code. */
export async function runLink(request: LinkRequest): Promise<LinkResult> {
  const { events, workingDirectory } = request
  const definitions = await prepareDistributors(request.settings, workingDirectory)
  // From here every option is known to be good.
  const distribution = request.settings.required ? new DistributionCheck(request.settings) : undefined
  if (distribution) request.events.listen((event) => distribution.add(event))

  const session = new LinkSession(request.argv, request.capture)
  const cancelled = new AbortController()
  const cancel = (): void => {
    cancelled.abort()
    session.native.cancel()
  }
  request.signal?.addEventListener('abort', cancel, { once: true })
  if (request.signal?.aborted) cancel()

  let distributors: OpenDistributors | undefined
  try {
    const flavour = await session.driver
    if (flavour !== undefined) {
      // Distributors connect while lld reads its inputs and plans.
      const facts = linkFacts(flavour, workingDirectory)
      distributors = openDistributors(definitions, {
        facts,
        env: request.env,
        signal: cancelled.signal,
        events,
        localSlots: () => session.native.localSlots(),
      })
      const { lanes, refused } = distributors
      const state = await Promise.race([session.jobsOrEnd, refused])
      if (state.at === 'jobs' && !cancelled.signal.aborted) {
        const travel = new Travel(session, facts, request.argv)
        const jobs = session.native.jobs().map((job, index) => new LinkBackendJob(session, travel, index, job))
        // From here the set of jobs is fixed.
        events.emit({ type: 'jobs', jobs })
        const compiled = compileJobs(jobs, session, lanes, request, hasIntegrity(definitions), cancelled.signal)
        const isOver = await Promise.race([
          compiled.then(() => false),
          session.finished.then(() => true), // lld had enough of errors
          refused,
          events.failed,
        ])
        if (!isOver) {
          await distribution?.check(lanes.map(asReachable))
          // From here the set of objects is fixed.
          events.emit({ type: 'objects' })
          session.native.resume()
        }
      }
    }
    const exitCode = await session.finished
    events.emit({ type: 'end', exitCode })
    events.throwIfFailed()
    // Nothing that was asked for is swallowed, however late it turned out to be wrong.
    if (distributors) await Promise.race([distributors.refused, Promise.resolve()])
    return { exitCode, stdout: session.native.capturedStdout(), stderr: session.native.capturedStderr() }
  } catch (error) {
    // A defect, here or in a listener. lld must not go on behind the caller's back, nor wait for ever.
    cancel()
    await session.finished
    throw error
  } finally {
    request.signal?.removeEventListener('abort', cancel)
    cancelled.abort()
    await distributors?.close()
  }
}

const hasIntegrity =
  (prepared: readonly PreparedDistributor[]) =>
  (name: string): boolean =>
    prepared.some(({ label, definition }) => label === name && definition.integrity === 'end-to-end')

function asReachable({ name, distributor, onStatusChanged }: LaneSpec): Reachable {
  return {
    name,
    isAccepting: () => distributor.status().accepting,
    onStatusChanged: onStatusChanged ?? (() => () => undefined),
  }
}
