import { performance } from 'node:perf_hooks'
import type { Clock } from '../scheduler/clock.js'

/** The scheduler's time in a real link. */
export const CLOCK: Clock = {
  now: () => performance.now(),
  setTimer: (atMs, fn) => {
    const timer = setTimeout(fn, Math.max(0, atMs - performance.now()))
    return () => {
      clearTimeout(timer)
    }
  },
}
