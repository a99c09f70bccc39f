/** The numbers that the scheduler decides by. Durations are milliseconds. */
export interface Policy {
  /** Whether this machine compiles what no distributor could. */
  readonly fallback: 'local' | 'none'
  /** Duplicate late jobs. */
  readonly hedge: boolean
  /** Troubles that one job may have at endpoints before it goes to this machine. */
  readonly maxAttempts: number
  /** Duplicates that one job may have in all. */
  readonly maxHedges: number
  /** Jobs given to this machine beyond its slots, so that no native thread waits for the event loop. */
  readonly homeBacklog: number
  /** Milliseconds per unit of `job.cost`, until something has been measured. */
  readonly guessedMsPerCost: number
  /** Latency of an endpoint that neither states nor has shown one. */
  readonly guessedLatencyMs: number
  /** How often lateness, deadlines and the state of endpoints are looked at. */
  readonly pulseMs: number
  /** Calls of `statusChanged` within this time count as one. */
  readonly statusCoalesceMs: number
  /** An endpoint that is up to this much slower than the best one takes the job without further thought. */
  readonly goodEnough: number
  /** A slower one takes a job only if it should be done within this share of what remains of the link. */
  readonly slowShare: number
  /** The first jobs of each slot of an endpoint take at most this share of the link's expected duration. 0: no scouts. */
  readonly scoutShare: number
  /** A job may be started before longer ones, which are still being sent, if its time, and that of the rounds which the long waiting ones then need on all slots, is at most this share of what remains of the link. */
  readonly openerShare: number
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
  /** … but never less than this … */
  readonly deadlineFloorMs: number
  /** … and longer by the time that its bitcode takes at this rate, so that a slow wire is no missed deadline. */
  readonly deadlineBytesPerMs: number
  /** Bytes of jobs that may be on their way to endpoints at a time, whatever slots there are: they stay in memory until they are sent. */
  readonly inFlightBytes: number
  /** An aborted attempt keeps its slot until it settles, at most for this long. Local threads keep it: they are busy. */
  readonly abortGraceMs: number
  /** Troubles in a row that rest an endpoint; of a large one, a tenth of its slots. */
  readonly breakerTroubles: number
  /** The first rest; it doubles with each probe that fails. */
  readonly restMs: number
  readonly longestRestMs: number
  /** How long an endpoint may refuse work (say, while it connects) before this machine starts on its jobs. */
  readonly patienceMs: number
  /**
   * Without a fallback: how long jobs wait when every endpoint is unavailable, say because it restarts. Endpoints that have failed
   * from the start are waited for no longer than their first rest.
   */
  readonly giveUpMs: number
  /** A distributor that has taken no work for so long after the start is worth a warning. */
  readonly slowStartMs: number
  /** How long `prepare` may hold back the first `compile` of a distributor. */
  readonly prepareMs: number
  /** An endpoint with late jobs is probed again at most this often. */
  readonly recheckMs: number
  /** A probe that takes longer has failed. */
  readonly probeMs: number
  /** How long a job may wait in an endpoint's own queue where the endpoint states no limit: it may never tell that a job has begun. */
  readonly queueLimitMs: number
}

export const DEFAULT_POLICY: Policy = {
  fallback: 'local',
  hedge: true,
  maxAttempts: 4,
  maxHedges: 3,
  homeBacklog: 1,
  guessedMsPerCost: 0.02,
  guessedLatencyMs: 20,
  pulseMs: 50,
  statusCoalesceMs: 5,
  goodEnough: 1.25,
  slowShare: 0.5,
  scoutShare: 0.02,
  openerShare: 0.9,
  hedgeGain: 1.25,
  hedgeAhead: 3,
  lateFloorMs: 200,
  lateFloorBlindMs: 5_000,
  deadlineFactor: 10,
  deadlineFloorMs: 30_000,
  deadlineBytesPerMs: 1_000,
  inFlightBytes: 1_024 ** 3,
  abortGraceMs: 5_000,
  breakerTroubles: 3,
  restMs: 1_000,
  longestRestMs: 60_000,
  patienceMs: 2_000,
  giveUpMs: 30_000,
  slowStartMs: 10_000,
  prepareMs: 30_000,
  recheckMs: 1_000,
  probeMs: 10_000,
  queueLimitMs: 600_000,
}

/** Without a fallback there is nothing else to do than to look whether a rested endpoint is back: some times before giving up. */
export function completePolicy(given: Partial<Policy> = {}): Policy {
  const policy = { ...DEFAULT_POLICY, ...given }
  if (policy.fallback !== 'none') return policy
  const longestRestMs = Math.max(policy.restMs, Math.min(policy.longestRestMs, policy.giveUpMs / 8))
  return { ...policy, longestRestMs }
}
