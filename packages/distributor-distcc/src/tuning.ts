/** Times and sizes that users need not know; tests shorten them. All times in milliseconds. */
export interface Tuning {
  /** For the probe, connecting included. */
  readonly probeTimeoutMs: number
  /** Rest after a failure; doubles with each further one, up to the maximum. */
  readonly restMs: number
  readonly maxRestMs: number
  /** Between two looks at a server that has work: its statistics or, without them, whether it accepts connections. */
  readonly lookIntervalMs: number
  readonly statisticsTimeoutMs: number
  /** A server that has not answered for so long has lost its jobs. */
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
  lookIntervalMs: 5000,
  statisticsTimeoutMs: 2000,
  silenceMs: 10_000,
  minDeadlineMs: 60_000,
  packedBytes: 256 * 1024 * 1024,
}
