/**
 * A link is over in seconds. V8 takes 8 to 20 % of its processor time for optimizing functions that will not run often enough to repay it, so it is told to see a function four
 * times as often first. Loops over many bytes are C++, or reached soon enough anyway. To be seen with `npm run bench:farm -- git --wires reapi --slots 8`, or by `perf record`
 * (GraphReducer and the like).
 */
import { setFlagsFromString } from 'node:v8'

export function optimizeLate(): void {
  const flag = lateFlag(process.versions.v8)
  if (flag !== undefined) setFlagsFromString(flag)
}

/**
 * `version`: V8's. What says when to optimize has changed its name, and whoever does not know it says so on the linker's stderr. V8 11.3 (Node 20) counts bytecodes, 67,584 by default;
 * 12.4 to 14.6 (Node 22 to 26) calls, 3,000 by default, and its cheaper compiler, Maglev, goes on as before.
 */
export function lateFlag(version: string): string | undefined {
  const major = Number.parseInt(version)
  if (major === 11) return '--interrupt-budget=300000'
  return major >= 12 && major <= 14 ? '--invocation-count-for-turbofan=12000' : undefined
}
