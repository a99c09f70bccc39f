/**
 * The link, as a list of its phases. lld runs on its own thread from the second phase on; this function is the other half of it.
 */
import { rmSync } from 'node:fs'
import { DEFAULT_SETTINGS } from '../config/settings.js'
import type { BackendJob, LinkFacts } from '../distributors/interface.js'
import { takeTurn } from '../distributors/turns.js'
import { worker } from '../distributors/worker/worker.js'
import type { Endpoints } from '../scheduler/endpoints.js'
import {
  type OpenDistributors,
  endpointsOf,
  openDistributors,
  type Prepared,
  type PreparedDistributor,
  prepareDistributors,
} from './distributors.js'
import { DtltoError } from '../errors.js'
import { LinkBackendJob } from './backend-job.js'
import { compileJobs } from './compile-jobs.js'
import { FinishedJobs } from './finished-jobs.js'
import { LinkHome } from './home.js'
import { JobPackages } from './job-packages.js'
import type { LinkRequest } from './request.js'
import type { LinkEvents } from './events.js'
import { DistributionCheck, whyNoneReady } from './required.js'
import { forgetFiles, giveBackGarbage } from './spare-memory.js'
import { LinkSession } from './session.js'
import { linkFacts } from './facts.js'
import {
  canLinkAgain,
  describeDoubts,
  type Doubts,
  type HeldLink,
  holdFinalLink,
  inDoubt,
  NO_DOUBTS,
} from './second-link.js'

export interface LinkResult {
  /** lld's exit code. */
  readonly exitCode: number
  /** lld's output when it was captured, else empty. */
  readonly stdout: string
  readonly stderr: string
}

/** Runs one link. Rejects with a DtltoError for settings or plugins that cannot be used; what lld finds wrong is its exit code. */
export async function runLink(request: LinkRequest): Promise<LinkResult> {
  const { events } = request
  const { doubts, ...first } = await linkOnce(request)
  const again = request.capture && first.exitCode !== 0 && !request.signal?.aborted && canLinkAgain(request, doubts)
  const result = again ? await linkAgain(request, doubts, first) : first
  events.emit({ type: 'end', exitCode: result.exitCode })
  events.throwIfFailed()
  return result
}

/** The second link of an embedding program. Where lld cannot start again the first is all that there is. */
async function linkAgain(request: LinkRequest, doubts: Doubts, first: LinkResult): Promise<LinkResult> {
  for (const path of doubts.cacheEntries) rmSync(path, { force: true })
  const warning = { kind: 'second-link', message: describeDoubts(doubts) }
  request.events.emit({ type: 'warning', distributor: inDoubt(doubts), ...warning })
  const settings = { ...request.settings, distributors: DEFAULT_SETTINGS.distributors, required: false }
  try {
    const { doubts: _, ...second } = await linkOnce({ ...request, settings })
    return second
  } catch (error) {
    if (DtltoError.is(error)) return first
    throw error
  }
}

async function linkOnce(request: LinkRequest): Promise<LinkResult & { readonly doubts: Doubts }> {
  const { events, workingDirectory } = request
  const prepared = await prepareDistributors(request.settings, workingDirectory)
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

  let opened: Opened | undefined
  let doubts = NO_DOUBTS
  let held: HeldLink | undefined
  try {
    const flavour = await session.driver
    if (flavour !== undefined) {
      // Distributors connect while lld reads its inputs and plans.
      const facts = linkFacts(flavour, workingDirectory)
      opened = open(prepared, facts, session, request, cancelled.signal)
      const { specs, refused } = opened.distributors
      const state = await Promise.race([session.jobsOrEnd, refused])
      if (state.at === 'end') emitModules(session, events)
      if (state.at === 'jobs' && !cancelled.signal.aborted) {
        const packages = new JobPackages(session, facts, request.argv)
        const jobs = session.native.jobs().map((job, index) => new LinkBackendJob(session, packages, index, job))
        const isDistributed = !request.capture && prepared.distributors.length > 0
        // From here the set of jobs is fixed.
        events.emit({ type: 'jobs', jobs })
        emitModules(session, events)
        if (request.examine) {
          const { distributors, endpoints } = opened
          const planned = { jobs, prepared, distributors, endpoints, localSlots: session.native.localSlots() }
          await Promise.race([request.examine(planned), refused])
          cancel()
        }
        if (isDistributed) forgetFiles(session)
        await takeTurn()
        const compiled = await Promise.race([
          compileJobs({
            jobs,
            session,
            home: opened.home,
            homeTakesPart: prepared.home?.takesPart === true,
            endpoints: opened.endpoints,
            inLldOrder: prepared.distributors.every(({ definition }) => definition === worker),
            hasIntegrity: hasIntegrity(prepared.distributors),
            finished: opened.finished,
            request,
            signal: cancelled.signal,
          }),
          session.finished.then(() => undefined), // lld had enough of errors
          refused,
          events.failed,
        ])
        if (compiled !== undefined) {
          doubts = compiled
          if (opened.home) events.emit({ type: 'memory', ...opened.home.memory })
          await distribution?.check(() => whyNoneReady(specs))
          await opened.finished?.prepared()
          // From here the set of objects is fixed.
          events.emit({ type: 'objects', importsOf: (job) => session.native.importedModules(job) })
          if (request.notice && canLinkAgain(request, doubts)) held = holdFinalLink(request, doubts, request.notice)
          if (isDistributed) forgetFiles(session)
          session.native.resume()
          // Who keeps results for later links is still at it.
          if (opened.finished === undefined) void letGo(opened, request.capture)
        }
      }
    }
    const exitCode = await session.finished
    if (exitCode === 0) held?.succeeded()
    else held?.failed()
    if (exitCode === 0) await opened?.finished?.stored()
    // Nothing that was asked for is swallowed, however late it turned out to be wrong.
    if (opened) await Promise.race([opened.distributors.refused, Promise.resolve()])
    return { doubts, exitCode, stdout: session.native.capturedStdout(), stderr: session.native.capturedStderr() }
  } catch (error) {
    // A defect of ours or of a listener. lld must not go on behind the caller's back, nor wait for ever.
    cancel()
    await session.finished
    throw error
  } finally {
    request.signal?.removeEventListener('abort', cancel)
    cancelled.abort()
    opened?.finished?.end()
    opened?.endpoints.end()
    opened?.home?.close()
    await opened?.distributors.close()
  }
}

/** Nobody compiles any more, and the final link can do with the memory. */
async function letGo({ endpoints, distributors }: Opened, isCaptured: boolean): Promise<void> {
  endpoints.end()
  await distributors.close()
  if (!isCaptured) giveBackGarbage()
}

function emitModules({ native }: LinkSession, events: LinkEvents): void {
  const total = native.thinModules()
  const cacheHits = native.cacheHits()
  events.emit({ type: 'modules', total, cacheHits })
}

/** Who may compile jobs, while lld runs. */
interface Opened {
  readonly distributors: OpenDistributors
  readonly endpoints: Endpoints
  readonly home: LinkHome | undefined
  /** For those who keep results for later links; undefined if nobody does. */
  readonly finished: FinishedJobs | undefined
}

function open(
  prepared: Prepared,
  facts: LinkFacts,
  session: LinkSession,
  { env, events, settings, capture, memoryFactor }: LinkRequest,
  signal: AbortSignal,
): Opened {
  const localSlots = (): number => session.native.localSlots()
  const distributors = openDistributors(prepared.distributors, { facts, env, signal, events, localSlots })
  const endpoints = endpointsOf(distributors, { settings, events, env, hasHome: prepared.home !== undefined })
  const debug = (message: string): void => events.emit({ type: 'debug', distributor: 'local', message })
  const keepers = distributors.specs.filter((_, i) => prepared.distributors[i]?.storesResults)
  const finished = keepers.length > 0 ? new FinishedJobs(keepers, { session, isCaptured: capture, events }) : undefined
  const onCompiled = finished && ((job: BackendJob) => finished.madeHere(job))
  const home = prepared.home && new LinkHome(session, prepared.home, { env, debug, memoryFactor, onCompiled })
  return { distributors, endpoints, home, finished }
}

const hasIntegrity =
  (prepared: readonly PreparedDistributor[]) =>
  (name: string): boolean =>
    prepared.some(({ label, definition }) => label === name && definition.integrity === 'end-to-end')
