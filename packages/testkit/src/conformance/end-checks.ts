import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, type Opened, within, withOpened } from './bench.js'
import type { CapturedJob } from './captured-job.js'
import { checks } from './check.js'
import { checkEndpoints } from './endpoint-checks.js'
import { leftovers } from './leftovers.js'
import { checkedResult } from './work-checks.js'

/** How work ends that is not wanted, and how the distributor itself does. */
export const END_CHECKS = checks([
  {
    name: 'it lets go of an aborted job at once: it rejects and frees the slot',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const call = await started(opened, bench.program.slowJob)
        call.controller.abort()
        await rejects(opened, call)
        await checkedResult(opened, opened.compile(bench.program.jobs[0] as CapturedJob, call.endpoint))
      }),
  },
  {
    name: 'it rejects a job that is aborted before it could start',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const call = opened.compile(bench.program.slowJob)
        call.controller.abort()
        await rejects(opened, call)
        await checkedResult(opened, opened.compile(bench.program.jobs[0] as CapturedJob, call.endpoint))
      }),
  },
  {
    name: 'it aborts the job that is meant and no other',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const aborted = await started(opened, bench.program.slowJob)
        const others = bench.program.jobs.slice(0, Math.min(2, opened.freeSlots())).map((job) => opened.compile(job))
        aborted.controller.abort()
        for (const other of others) await checkedResult(opened, other)
        await rejects(opened, aborted)
      }),
  },
  {
    name: 'it lets go of all jobs when the link is aborted',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const call = await started(opened, bench.program.slowJob)
        // A link aborts both.
        opened.link.abort()
        call.controller.abort()
        await rejects(opened, call)
      }),
  },
  {
    name: 'close() waits for the jobs that run',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const calls = fill(opened, [bench.program.slowJob, ...bench.program.jobs])
        let ended = 0
        for (const call of calls) void call.settled.then(() => ended++)
        const closing = opened.distributor.close()
        await within(closing, bench.limits.jobMs * calls.length, 'close() should resolve when the last job has ended')
        await sleep(0)
        assert.equal(ended, calls.length, 'close() should resolve after the last job, not before')
        for (const call of calls) await checkedResult(opened, call)
      }),
  },
  {
    name: 'destroy() lets go of the jobs that run',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const calls = fill(opened, [bench.program.slowJob, ...bench.program.jobs])
        await sleep(30)
        opened.distributor.destroy()
        await rejects(opened, calls[0] as Call)
        for (const { settled } of calls)
          await within(settled, bench.limits.abortMs, 'destroy() should settle all jobs that run')
      }),
  },
  {
    name: 'close() and destroy() may be called twice, in any order',
    run: async (bench) => {
      const close = ({ distributor }: Opened): Promise<void> =>
        within(distributor.close(), bench.limits.abortMs, 'close() should resolve when nothing runs')
      await withOpened(bench, async (opened) => {
        await Promise.all([close(opened), close(opened)])
        await close(opened)
        opened.distributor.destroy()
        opened.distributor.destroy()
        checkEndpoints(opened.distributor.endpoints())
      })
      await withOpened(bench, async (opened) => {
        opened.distributor.destroy()
        await close(opened)
        checkEndpoints(opened.distributor.endpoints())
      })
    },
  },
  {
    name: 'it leaves nothing behind: no timer, socket, process or listener',
    run: async (bench) => {
      const before = leftovers()
      await withOpened(bench, async (opened) => {
        for (const call of await opened.compileAll(bench.program.jobs)) await opened.outcome(call)
        await opened.distributor.close()
        await opened.until(
          () => opened.listeners() === 0,
          bench.limits.abortMs,
          'listeners on the signals of jobs and link should be removed when a job has ended',
        )
      })
      let left = leftovers(before)
      for (let i = 0; left.length > 0 && i < 100; i++, left = leftovers(before)) await sleep(bench.limits.abortMs / 100)
      assert.deepEqual(left, [], 'after close() and destroy() these should be gone: they keep the linker from ending')
    },
  },
])

/** As many of the jobs as there are slots for. */
function fill(opened: Opened, jobs: readonly CapturedJob[]): readonly Call[] {
  return jobs.slice(0, opened.freeSlots()).map((job) => opened.compile(job))
}

/** A call whose job runs. */
async function started(opened: Opened, job: CapturedJob): Promise<Call> {
  const call = opened.compile(job)
  if (call.endpoint.hasQueue === true)
    await opened.until(() => call.begun() > 0, opened.limits.jobMs, 'attempt.started() should tell that a job begins')
  await sleep(30)
  return call
}

async function rejects({ limits }: Opened, { settled }: Call): Promise<void> {
  const soon = `within ${limits.abortMs} ms when its job is aborted`
  const outcome = await within(settled, limits.abortMs, `compile() should reject ${soon}: stop the work`)
  assert.equal(outcome.kind, 'rejected', `compile() should reject ${soon}: nobody wants the result`)
}
