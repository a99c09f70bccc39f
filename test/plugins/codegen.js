/** How plugins of tests compile what no fault hits: with processes of `dtlto-codegen`, which express every job exactly as lld has it. */
import { worker } from '../../packages/dtlto/dist/distributors/worker/worker.js'

/** @typedef {import('dtlto/plugin').Distributor} Distributor */

/** @type {Set<Distributor>} */
const all = new Set()

/** Ends the processes of distributors that do not do it themselves. */
export function endCodegens() {
  for (const distributor of all) distributor.destroy()
  all.clear()
}

/**
 * The distributor `worker` with so many processes, for a plugin to hand its jobs to.
 *
 * @param {import('dtlto/plugin').DistributorContext} context
 * @param {number} slots
 */
export function codegen(context, slots = 4) {
  const inner = /** @type {Distributor} */ (
    worker.open(context, { slots, share: false, memory: 'auto', command: undefined })
  )
  all.add(inner)
  const [endpoint] = inner.endpoints()
  if (endpoint === undefined) throw new Error('the distributor worker has no endpoint')
  return {
    /** @type {(job: import('dtlto/plugin').BackendJob, attempt: Pick<import('dtlto/plugin').Attempt, 'signal'>) => ReturnType<Distributor['compile']>} */
    compile: (job, { signal }) => inner.compile(job, endpoint, { signal, started: () => undefined }),
    close: () => inner.close(),
    destroy: () => inner.destroy(),
  }
}
