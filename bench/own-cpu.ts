import { readFileSync } from 'node:fs'

/** Processor time of the main thread of this process. The first number of schedstat is in nanoseconds. */
export function ownCpuMs(): number {
  const [ns = ''] = readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8').split(' ')
  return Number(ns) / 1e6
}
