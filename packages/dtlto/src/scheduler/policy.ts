/** The numbers that the scheduler decides by. Durations are milliseconds. */
export interface Policy {
  /** What happens to a job that no distributor could compile. */
  readonly fallback: 'local' | 'none'
  /** Cancel the rest as soon as one job does not compile. Stock lld compiles the others too, and prints their errors. */
  readonly cancelOnFailure: boolean
  /** Duplicate late jobs. */
  readonly hedge: boolean
  /** Troubles that one job may have on primary distributors before it goes to the last resort. */
  readonly maxAttempts: number
  /** Duplicates that one job may have in all. */
  readonly maxHedges: number
  /** Jobs sent to a local distributor beyond its slots, so that no native thread waits for the event loop. */
  readonly localBacklog: number
  /** Milliseconds per unit of `job.cost`, until something has been measured. */
  readonly guessedMsPerCost: number
  /** Latency of a remote distributor that neither states nor has shown one. */
  readonly guessedLatencyMs: number
  /** How often lateness, deadlines and the status of distributors are looked at. */
  readonly pulseMs: number
  /** Calls of `statusChanged` within this time count as one. */
  readonly statusCoalesceMs: number
  /** A lane that is up to this much slower than the best one takes the job without further thought. */
  readonly goodEnough: number
  /** A slower one takes a job only if it should be done within this share of what remains of the link. */
  readonly slowShare: number
  /** The first jobs of each slot of a remote distributor take at most this share of the link's expected duration. 0: no scouts. */
  readonly scoutShare: number
  /** A duplicate is started if the running attempt should take this many times longer than the duplicate. */
  readonly hedgeGain: number
  /** A late job is duplicated before the tail when what remains of the link is shorter than this many times its length. */
  readonly hedgeAhead: number
  /** No attempt is late before this … */
  readonly lateFloorMs: number
  /** … nor, as long as no job of the link has finished and durations are guesses, before this. */
  readonly lateFloorBlindMs: number
  /** A job's deadline: this many times its expected duration … */
  readonly deadlineFactor: number
  /** … but never less than this. */
  readonly deadlineFloorMs: number
  /** An aborted attempt keeps its slot until it settles, at most for this long. Local threads keep it: they are busy. */
  readonly abortGraceMs: number
  /** Troubles in a row that rest a distributor; of a large one, a tenth of its slots. */
  readonly breakerTroubles: number
  /** The first rest; it doubles with each probe that fails. */
  readonly restMs: number
  readonly longestRestMs: number
  /** How long a distributor may refuse work (say, while it connects) before the fallback starts on its jobs. */
  readonly patienceMs: number
  /**
   * Without a fallback: how long jobs wait when every distributor is unavailable, say because it restarts. Distributors that have failed
   * from the first job on are waited for no longer than their first rest.
   */
  readonly giveUpMs: number
  /** A distributor that has taken no work for so long after the start is worth a warning. */
  readonly slowStartMs: number
  /** How long `prepare` may hold back the first `compile` of a distributor. */
  readonly prepareMs: number
}

export const DEFAULT_POLICY: Policy = {
  fallback: 'local',
  cancelOnFailure: false,
  hedge: true,
  maxAttempts: 4,
  maxHedges: 3,
  localBacklog: 1,
  guessedMsPerCost: 0.02,
  guessedLatencyMs: 20,
  pulseMs: 50,
  statusCoalesceMs: 5,
  goodEnough: 1.25,
  slowShare: 0.5,
  scoutShare: 0.02,
  hedgeGain: 1.25,
  hedgeAhead: 3,
  lateFloorMs: 200,
  lateFloorBlindMs: 5_000,
  deadlineFactor: 10,
  deadlineFloorMs: 30_000,
  abortGraceMs: 5_000,
  breakerTroubles: 3,
  restMs: 1_000,
  longestRestMs: 60_000,
  patienceMs: 2_000,
  giveUpMs: 30_000,
  slowStartMs: 10_000,
  prepareMs: 30_000,
}

/** Without a fallback there is nothing else to do than to look whether a rested distributor is back: some times before giving up. */
export function completePolicy(given: Partial<Policy> = {}): Policy {
  const policy = { ...DEFAULT_POLICY, ...given }
  if (policy.fallback !== 'none') return policy
  const longestRestMs = Math.max(policy.restMs, Math.min(policy.longestRestMs, policy.giveUpMs / 8))
  return { ...policy, longestRestMs }
}
