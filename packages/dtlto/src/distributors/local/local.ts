/**
 * `local`: this process. Each job is compiled on a native thread exactly as lld's own backend would compile it, so nothing is
 * serialised, copied or started. As many at a time as lld would run (--thinlto-jobs), unless `slots` says otherwise.
 */
import { defineDistributor } from '../define.js'
import { PLUGIN_API_VERSION } from '../interface.js'

export const local = defineDistributor({
  name: 'local',
  apiVersion: PLUGIN_API_VERSION,
  options: {
    slots: { type: 'integer', min: 1, max: 4096, description: 'Jobs at a time; by default as many as lld would run' },
  },
  open(context, options) {
    let busy = 0
    return {
      status: () => ({
        slots: options.slots ?? context.localSlots(),
        busy,
        queued: 0,
        accepting: true,
        speed: 1,
        latencyMs: 0,
      }),
      async compile(job, signal) {
        busy++
        try {
          return await job.compileInProcess(signal)
        } finally {
          busy--
          context.statusChanged()
        }
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }
  },
})
