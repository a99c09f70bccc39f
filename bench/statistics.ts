/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (lower + upper) / 2
}

export interface Ratio {
  readonly median: number
  readonly smallest: number
  readonly largest: number
}

/**
 * How `values` compare with `base`, pair by pair: what disturbs a machine disturbs neighbours in time alike, so the
 * ratio within a pair says more than the ratio of two medians.
 */
export function pairedRatio(values: readonly number[], base: readonly number[]): Ratio {
  const ratios = values.map((value, index) => value / (base[index] ?? Number.NaN))
  return { median: median(ratios), smallest: Math.min(...ratios), largest: Math.max(...ratios) }
}
