import type { Settings } from '../config/settings.js'
import { DtltoError } from '../errors.js'
import type { DistributorSpec } from '../scheduler/distributor-state.js'
import type { AttemptOutcome } from '../scheduler/events.js'
import type { LinkEvent } from './events.js'

/** The label of this machine in events. */
const HOME = 'local'

/** How long to wait for a distributor to become ready, once all jobs are compiled. More than the usual limit for a connection. */
const PATIENCE_MS = 5_000

/**
 * --distribute-required: a link that has jobs, of which no distributor took any, fails. Where this machine takes part by the user's wish it may
 * simply have been faster: then it is enough that a distributor would take jobs.
 */
export class DistributionCheck {
  readonly #homeTakesPart: boolean
  readonly #problems = new Map<string, string>()
  #jobCount = 0
  #hasFailed = false
  #wasAsked = false
  #isDistributed = false

  constructor({ distributors }: Pick<Settings, 'distributors'>) {
    this.#homeTakesPart = distributors.some(({ name }) => name === HOME)
  }

  add(event: LinkEvent): void {
    if (event.type === 'jobs') this.#jobCount = event.jobs.length
    if (event.type === 'warning') this.#problem(event.distributor, event.message)
    if (event.type !== 'scheduler') return
    if (event.event.kind === 'job-ended') this.#hasFailed ||= event.event.result === 'failed'
    if (event.event.kind !== 'attempt-ended' || event.event.distributor === HOME) return
    this.#wasAsked = true
    this.#attemptEnded(event.event.distributor, event.event.outcome)
  }

  #attemptEnded(distributor: string, outcome: AttemptOutcome): void {
    switch (outcome.kind) {
      case 'placed':
      case 'lost':
      case 'abandoned':
        this.#isDistributed = true
        return
      case 'cannot':
        this.#problem(distributor, outcome.reason)
        return
      case 'trouble':
        this.#problem(distributor, outcome.error.message)
        return
      case 'does-not-compile':
        return
    }
  }

  #problem(distributor: string, message: string): void {
    if (distributor === HOME || this.#problems.has(distributor)) return
    this.#problems.set(distributor, message)
  }

  /** To be called when all jobs have ended. Rejects with DTLTO_NOT_DISTRIBUTED. */
  async check(whyNoneReady: () => Promise<ReadonlyMap<string, string> | undefined>): Promise<void> {
    // What does not compile is lld's error, and the better one.
    if (this.#jobCount === 0 || this.#isDistributed || this.#hasFailed) return
    const mayHaveBeenFaster = this.#homeTakesPart && !this.#wasAsked
    const reasons = mayHaveBeenFaster ? await whyNoneReady() : new Map<string, string>()
    if (reasons === undefined) return
    // What they say now is more than that they were waited for.
    const problems = [...new Map([...this.#problems, ...reasons])].map(([name, message]) => `${name}: ${message}`)
    throw new DtltoError(
      'DTLTO_NOT_DISTRIBUTED',
      `no distributor has compiled any of the ${String(this.#jobCount)} jobs, and --distribute-required asks for it` +
        (problems.length > 0 ? ` (${problems.join('; ')})` : ''),
    )
  }
}

/** Undefined if any endpoint would take jobs, else why not, by distributor, where that is known. Waits until one would or none can, but not for ever. */
export async function whyNoneReady(
  distributors: readonly DistributorSpec[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('late')), { once: true })
  })
  const reasons = new Map<string, string>()
  const ready = distributors.map(async ({ name, distributor: opening }) => {
    const distributor = await opening
    const accepting = distributor.endpoints().filter(({ accepting }) => accepting)
    await Promise.any(
      accepting.map(async (endpoint) => {
        try {
          await distributor.probe?.(endpoint, signal)
        } catch (error) {
          if (DtltoError.is(error) && !signal.aborted) reasons.set(name, error.message)
          throw error
        }
      }),
    )
  })
  try {
    await Promise.race([Promise.any(ready), late])
    return undefined
  } catch {
    return reasons
  }
}
