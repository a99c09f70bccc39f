/** Times and sizes that users need not know; tests shorten them. All times in milliseconds. */
export interface Tuning {
  /** For the probe, connecting included. */
  readonly probeTimeoutMs: number
  /** Between two looks at a server that has work: its statistics or, without them, whether it accepts connections. */
  readonly lookIntervalMs: number
  readonly statisticsTimeoutMs: number
  /** Compressed modules to keep for other jobs. */
  readonly packedBytes: number
}

export const DEFAULT_TUNING: Tuning = {
  probeTimeoutMs: 10_000,
  lookIntervalMs: 5000,
  statisticsTimeoutMs: 2000,
  packedBytes: 256 * 1024 * 1024,
}
