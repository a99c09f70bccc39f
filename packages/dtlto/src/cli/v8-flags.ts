/**
 * How V8 is told that a linker is no server. Flags have other names in other versions, and V8 says on the linker's stderr what it does not know, so each is set for the versions in
 * which it was seen to work: 11.3 (Node 20) to 14.6 (Node 26).
 */
import { setFlagsFromString } from 'node:v8'

/**
 * A link is over in seconds. V8 takes 8 to 20 % of its processor time for optimizing functions that will not run often enough to repay it, so it is told to see a function four
 * times as often first. Loops over many bytes are C++, or reached soon enough anyway. To be seen with `npm run bench:farm -- git --wires reapi --slots 8`, or by `perf record`
 * (GraphReducer and the like).
 * V8 takes no code cache that was made with other flags, and does not say so: keep-compiled.cjs, too, calls this before it loads distributors.
 */
export function optimizeLate(): void {
  set(lateFlag(process.versions.v8))
}

/**
 * From here on the part of the heap for what is new stays as large as it is: for links whose garbage is buffers. It would grow to three times 16 MiB, and what is outside the heap,
 * requests and answers, is let go of with it: seldom then. Of git's peak over 128 slots of distcc it is 25 MiB, for nothing. Over an engine, whose garbage is in the heap, it would
 * be 30, for 3 to 12 % of the processor time, and is not wanted: the peak there is below stock lld's.
 * Nor is the old part of the heap to grow faster (--heap-growing-percent=400): where jobs come in over many seconds V8 looks through all of it every half second, for the bytes
 * outside of it (--trace-gc, --trace-incremental-marking), 4 to 7 % of the processor time of git over 8 slots of an engine, but without that its peak is 40 MiB higher.
 */
export function keepYoungGeneration(): void {
  set(youngFlag(process.versions.v8))
}

/**
 * 11.3 counts bytecodes until it optimizes, 67,584 by default; from 12.4 on calls, 3,000 by default. The cheaper compiler, Maglev, goes on as before where it is on: not in Node 22,
 * where the flag is worth it all the same (git over 64 slots of distcc 2.02 to 1.84 s of processor time).
 */
export function lateFlag(version: string): string | undefined {
  if (!isKnown(version)) return undefined
  return major(version) === 11 ? '--interrupt-budget=300000' : '--invocation-count-for-turbofan=12000'
}

export function youngFlag(version: string): string | undefined {
  return isKnown(version) ? '--semi-space-growth-factor=1' : undefined
}

function set(flag: string | undefined): void {
  if (flag !== undefined) setFlagsFromString(flag)
}

function isKnown(version: string): boolean {
  return major(version) >= 11 && major(version) <= 14
}

function major(version: string): number {
  return Number.parseInt(version)
}
