import { fakeDistributor, type FakeOptions } from 'dtlto/testkit'
import { defineDistributor, type Distributor, type DistributorContext, type DistributorDefinition } from 'dtlto/plugin'

type Change = (fake: Distributor, context: DistributorContext) => Partial<Distributor>

/** The fake distributor on the real clock, compiling in the linker's process; `change` replaces methods of it. */
export function realFake(options: Partial<FakeOptions> = {}, change: Change = () => ({})): DistributorDefinition {
  return defineDistributor({
    name: 'fake',
    apiVersion: '1.0.0',
    options: {},
    open: (context) => {
      const fake = fakeDistributor({
        clock: {
          now: () => context.now(),
          setTimer: (atMs, fn) => {
            const timer = setTimeout(fn, Math.max(0, atMs - context.now()))
            return () => {
              clearTimeout(timer)
            }
          },
        },
        workers: [
          { name: 'w0', slots: 2 },
          { name: 'w1', slots: 1, speed: 2 },
        ],
        durationMs: (job) => Math.min(500, 20 + job.cost / 10),
        latencyMs: 5,
        result: async (job, worker) => ({ ...(await job.compileInProcess()), worker }),
        ...options,
      })
      return { ...fake, ...change(fake, context) }
    },
  })
}
