/** What the scheduler itself costs: a link whose compiles take no time, so that all time is the scheduler's (and some promises'). */
import { schedule } from '../../packages/dtlto/src/scheduler/schedule.js'
import type { Clock } from '../../packages/dtlto/src/scheduler/clock.js'
import type { CompileResult, Distributor } from '../../packages/dtlto/src/distributors/interface.js'
import { fakeJob } from '../../packages/testkit/src/index.js'
import type { Link } from './links.js'

/** Microseconds of processor time a job (all threads of Node), the best of several runs: others use this machine too. */
export async function dispatchCost(link: Link, distributors: number, slots: number, runs = 3): Promise<number> {
  const jobs = link.jobs.map((job, i) => fakeJob(i, { cost: job.cost }))
  const result: CompileResult = {
    kind: 'object',
    object: new Uint8Array(8),
    diagnostics: [],
    sideOutputs: [],
    timings: {},
  }
  let best = Infinity
  for (let run = 0; run < runs; run++) {
    const start = process.cpuUsage()
    await schedule({
      jobs,
      distributors: Array.from({ length: distributors }, (_, i) => ({
        name: `d${String(i)}`,
        isLocal: false,
        distributor: instant(slots, result),
      })),
      clock: realClock,
      accept: () => 'placed',
      onEvent: () => undefined,
    })
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / jobs.length)
  }
  return best
}

function instant(slots: number, result: CompileResult): Distributor {
  return {
    status: () => ({ slots, busy: 0, queued: 0, accepting: true }),
    compile: () => Promise.resolve(result),
    close: () => Promise.resolve(),
    destroy: () => undefined,
  }
}

const realClock: Clock = {
  now: () => performance.now(),
  setTimer(atMs, fn) {
    const timer = setTimeout(fn, Math.max(0, atMs - performance.now()))
    return () => clearTimeout(timer)
  },
}
