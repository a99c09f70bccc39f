import { readFileSync } from 'node:fs'

/** Processor time of the calling thread so far, in milliseconds: the first number of its schedstat (proc(5)), in nanoseconds. NaN where the kernel does not tell. */
export function threadTimeMs(): number {
  try {
    return Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'latin1'), 10) / 1e6
  } catch {
    return Number.NaN
  }
}
