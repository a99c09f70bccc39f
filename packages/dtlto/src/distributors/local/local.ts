/**
 * `local`: this process. Each job is compiled on a native thread exactly as lld's own backend would compile it, so nothing is
 * serialised, copied or started. As many at a time as lld would run (--thinlto-jobs), unless `slots` says otherwise; fewer when
 * the machine is shared: with the jobs of a GNU make that offers a jobserver (jobserver-slots.ts), else with other links of
 * dtlto (even-share.ts).
 */
import { defineDistributor } from '../define.js'
import { openIsolated } from '../isolated/isolated.js'
import { PLUGIN_API_VERSION } from '../interface.js'
import { EvenShare } from './even-share.js'
import { JobQueue } from './job-queue.js'
import { JobserverSlots } from './jobserver-slots.js'
import { jobserverAddress, openJobserver } from './jobserver.js'
import { fixedSlots, type SlotSource } from './slot-source.js'

export const local = defineDistributor({
  name: 'local',
  apiVersion: PLUGIN_API_VERSION,
  integrity: 'end-to-end',
  options: {
    slots: { type: 'integer', min: 1, max: 4096, description: 'Jobs at a time; by default as many as lld would run' },
    isolate: {
      type: 'string',
      choices: ['none', 'process'],
      default: 'none',
      description: 'process: compile in processes of their own, so that a crash of the compiler cannot end the link',
    },
    share: {
      type: 'boolean',
      default: true,
      description: 'Leave cores to others: take the tokens of a GNU make jobserver, or else an even share among links',
    },
  },
  open(context, options) {
    const most = (): number => Math.max(1, options.slots ?? context.localSlots())
    const queue = new JobQueue({
      // Where native threads are not what limits the jobs, this must.
      limit: () => Math.min(source().limit, isolated || most() < context.localSlots() ? most() : Infinity),
      onChange: (running, waiting) => source().demand(running, waiting),
    })
    const onSlots = (): void => {
      queue.startWaiting()
      context.statusChanged()
    }

    const isolated = options.isolate === 'process' ? openIsolated(context) : undefined
    const now = (): number => context.now()
    let made: SlotSource | undefined
    // Made when the first job is there: a link without jobs pays nothing.
    const source = (): SlotSource => (made ??= makeSource())
    const makeSource = (): SlotSource => {
      if (!options.share || most() === 1) return fixedSlots(most)
      const address = jobserverAddress(context.env)
      const jobserver = address && openJobserver(address)
      if (address) context.debug(`jobserver ${address.text}: ${jobserver ? 'used' : 'not open to this process'}`)
      return jobserver ? new JobserverSlots(jobserver, most, onSlots, now) : new EvenShare(most, onSlots, now)
    }

    const release = (): void => {
      made?.close()
    }
    return {
      status: () => ({
        slots: made?.slots ?? options.slots ?? context.localSlots(),
        busy: queue.running,
        queued: queue.waiting,
        accepting: true,
        speed: 1,
        latencyMs: 0,
        ...(made?.text === undefined ? {} : { text: made.text }),
      }),
      prepare: (jobs) => {
        source().prepare(jobs.length)
        return Promise.resolve()
      },
      async compile(job, signal) {
        try {
          return await queue.run(signal, () =>
            isolated ? isolated.compile(job, signal) : job.compileInProcess(signal),
          )
        } finally {
          context.statusChanged()
        }
      },
      close: () => {
        release()
        isolated?.close()
        return Promise.resolve()
      },
      destroy: () => {
        release()
        isolated?.destroy()
      },
    }
  },
})
