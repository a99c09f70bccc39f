import { fakeDistributor, type FakeOptions } from '@dtlto/testkit'
import { defineDistributor, type Distributor, type DistributorContext, type DistributorDefinition } from 'dtlto/plugin'
import { codegen } from './codegen.js'

type Change = (fake: Distributor, context: DistributorContext) => Partial<Distributor>

/** The fake distributor on the real clock, compiling with processes of dtlto-codegen; `change` replaces methods of it. */
export function realFake(options: Partial<FakeOptions> = {}, change: Change = () => ({})): DistributorDefinition {
  return defineDistributor({
    name: 'fake',
    apiVersion: '2.0.0',
    options: {},
    open: (context) => {
      const good = codegen(context, 8)
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
        result: async (job, worker) => {
          const result = await good.compile(job, { signal: context.signal })
          return result.kind === 'cannot' ? result : { ...result, worker }
        },
        ...options,
      })
      const close = async (): Promise<void> => {
        await fake.close()
        await good.close()
      }
      const destroy = (): void => {
        fake.destroy()
        good.destroy()
      }
      return { ...fake, close, destroy, ...change({ ...fake, close, destroy }, context) }
    },
  })
}
