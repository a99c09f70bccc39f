import { compare, type Difference } from './compare.js'
import { runTests } from './harness.js'
import { type ModeName, modes } from './modes.js'
import type { Run } from './results.js'
import type { LldTests } from './source.js'

export type DtltoMode = Exclude<ModeName, 'stock'>

export const DTLTO_MODES = Object.keys(modes).filter((name) => name !== 'stock') as DtltoMode[]

export interface Comparison {
  readonly stock: Run
  /** What differs between two runs of stock lld, and is compared with nothing. */
  readonly noise: readonly Difference[]
  readonly byMode: ReadonlyMap<DtltoMode, readonly Difference[]>
}

/** Runs the tests with stock lld, twice, and with dtlto in each mode. `log` hears of each as it ends. */
export async function compareModes(
  source: LldTests,
  tests: readonly string[],
  wanted: readonly DtltoMode[] = DTLTO_MODES,
  log: (text: string) => void = () => undefined,
): Promise<Comparison> {
  const stock = await runTests(source, tests, 'stock')
  log(`stock: ${tally(stock.verdicts)}; ${stock.links.size} links, ${stock.files.size} files`)
  const noise = compare(stock, await runTests(source, tests, 'stock', 'stock-again'))
  log(`${noise.length} things differ between two runs of stock lld, and are not compared:`)
  for (const { kind, subject } of noise) log(`  ${kind} ${subject}`)
  const byMode = new Map<DtltoMode, readonly Difference[]>()
  for (const mode of wanted) {
    const found = compare(stock, await runTests(source, tests, mode), noise)
    byMode.set(mode, found)
    log(`${mode} (${modes[mode].about}): ${found.length} differences`)
    for (const difference of found) log(describeDifference(difference))
  }
  return { stock, noise, byMode }
}

export function describeDifference({ kind, subject, detail }: Difference): string {
  return `  ${kind} ${subject}\n${detail.replace(/^/gm, '    ')}`
}

function tally(verdicts: ReadonlyMap<string, string>): string {
  const counts = new Map<string, number>()
  for (const verdict of verdicts.values()) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
}
