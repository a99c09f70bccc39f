import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { DtltoError, type FinishedJob, type JobContent } from 'dtlto/plugin'
import { type Opened, within, withOpened } from './bench.js'
import type { CapturedJob } from './captured-job.js'
import { checks } from './check.js'

const STORE = 'it keeps what others have compiled, if it says that it stores results'

/** Keeping results for later links: `storesResults` and `storeResult`. */
export const STORE_CHECKS = checks([
  {
    name: STORE,
    run: async (bench) => {
      const stores = bench.definition.storesResults?.(bench.options) ?? false
      assert.equal(typeof stores, 'boolean', 'storesResults() should give true or false, and at once')
      if (!stores) return
      await withOpened(bench, async (opened) => {
        const { jobMs } = bench.limits
        const offered = await Promise.all(bench.program.jobs.map(finished))
        const stored = offered.map((offer) => store(opened, offer, new AbortController().signal))
        await within(Promise.all(stored), jobMs * offered.length, 'storeResult() should settle when the result is kept')
        for (const { damaged } of bench.program.jobs)
          assert.deepEqual(damaged, [], 'the bytes of a job belong to the linker')
        for (const { object } of offered) {
          assert.equal(await object.digest(), digestOf(object.bytes()), 'the object belongs to the linker')
        }
        const [again] = offered
        const over = AbortSignal.abort(new DtltoError('DTLTO_CANCELLED', 'the link is over'))
        const late = store(opened, again as FinishedJob, over).catch(() => undefined)
        await within(late, bench.limits.abortMs, 'storeResult() should settle when its signal is aborted')
      })
    },
  },
])

async function store({ distributor }: Opened, offer: FinishedJob, signal: AbortSignal): Promise<void> {
  assert.ok('storeResult' in distributor, 'a distributor whose storesResults() is true should have storeResult()')
  await distributor.storeResult?.(offer, signal)
}

async function finished(job: CapturedJob): Promise<FinishedJob> {
  const packed = await job.package()
  assert.ok(packed.kind === 'package', `'${job.moduleId}' cannot leave the linker`)
  return { job, package: packed, object: contentOf(job), diagnostics: [], sideOutputs: [] }
}

function contentOf({ index, object }: CapturedJob): JobContent {
  const digest = digestOf(object)
  return {
    id: `o${String(index)}`,
    sizeBytes: object.length,
    digest: () => Promise.resolve(digest),
    lease: () => ({ parts: [object], release: () => undefined }),
    bytes: () => Buffer.from(object),
  }
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
