/** Times and sizes that users need not know; tests shorten them. All times in milliseconds. */
export interface Tuning {
  /** For the probe, connecting included. */
  readonly probeTimeoutMs: number
  /** Rest after a failure; doubles with each further one, up to the maximum. */
  readonly restMs: number
  readonly maxRestMs: number
  /** Between two looks at the statistics of a server that has work. */
  readonly statisticsIntervalMs: number
  readonly statisticsTimeoutMs: number
  /** A server whose statistics port used to answer and does not for so long has lost its jobs. */
  readonly silenceMs: number
  /** No job is given up earlier, however quick others were. */
  readonly minDeadlineMs: number
  /** Compressed modules to keep for other jobs. */
  readonly packedBytes: number
}

export const DEFAULT_TUNING: Tuning = {
  probeTimeoutMs: 10_000,
  restMs: 1000,
  maxRestMs: 30_000,
  statisticsIntervalMs: 5000,
  statisticsTimeoutMs: 2000,
  silenceMs: 15_000,
  minDeadlineMs: 60_000,
  packedBytes: 256 * 1024 * 1024,
}
