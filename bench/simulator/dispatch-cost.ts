/** What the scheduler itself costs: a link whose compiles take no time, so that all time is the scheduler's (and some promises'). */
import { Endpoints } from '../../packages/dtlto/src/scheduler/endpoints.js'
import { completePolicy } from '../../packages/dtlto/src/scheduler/policy.js'
import { schedule } from '../../packages/dtlto/src/scheduler/schedule.js'
import type { Clock } from '../../packages/dtlto/src/scheduler/clock.js'
import type { CompileResult, Distributor } from '../../packages/dtlto/src/distributors/interface.js'
import { fakeJob } from '../../packages/testkit/src/index.js'
import type { Link } from './links.js'

/** Microseconds of processor time a job (all threads of Node), the best of several runs: others use this machine too. */
export async function dispatchCost(link: Link, endpoints: number, slots: number, runs = 3): Promise<number> {
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
      home: undefined,
      homeTakesPart: false,
      endpoints: new Endpoints({
        distributors: [{ name: 'instant', distributor: instant(endpoints, slots, result) }],
        clock: realClock,
        policy: completePolicy({ fallback: 'none' }),
      }),
      clock: realClock,
      accept: () => 'placed',
      onEvent: () => undefined,
    })
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / jobs.length)
  }
  return best
}

function instant(count: number, slots: number, result: CompileResult): Distributor {
  const endpoints = Array.from({ length: count }, (_, i) => ({ id: `m${String(i)}`, slots, accepting: true }))
  return {
    endpoints: () => endpoints,
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
