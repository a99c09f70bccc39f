import assert from 'node:assert/strict'
import { DtltoError } from 'dtlto/plugin'
import type { CompileResult, CompileTimings, DistributorStatus } from 'dtlto/plugin'
import { withOpened, within, type Opened } from './bench.js'
import type { CapturedJob } from './captured-job.js'
import { checks } from './check.js'

/** Results, slots and status while it works. */
export const WORK_CHECKS = checks([
  {
    name: 'it compiles real jobs to the objects that lld makes itself',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const { jobs, slowJob } = bench.program
        const results: CompileResult[] = []
        for (const job of [...jobs, slowJob]) {
          const result = await opened.result(opened.compile(job))
          checkResult(result, job, opened.status())
          results.push(result)
        }
        const refusals = results.filter(({ kind }) => kind === 'cannot')
        const [first] = refusals
        const reason = first?.kind === 'cannot' ? first.reason : ''
        assert.ok(refusals.length < results.length, `no job could be expressed: ${reason}`)
      }),
  },
  {
    name: 'it takes all jobs in advance, if it has prepare()',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const { distributor } = opened
        if (distributor.prepare === undefined) return
        const { jobs } = bench.program
        const preparing = distributor.prepare(jobs, new AbortController().signal)
        await within(preparing, bench.limits.jobMs, 'prepare() should have ended: nothing is sent before')
        for (const job of jobs) checkResult(await opened.result(opened.compile(job)), job, opened.status())
        const aborted = AbortSignal.abort(new DtltoError('DTLTO_CANCELLED', 'the link is over'))
        const late = distributor.prepare(jobs, aborted).catch(() => undefined)
        await within(late, bench.limits.abortMs, 'prepare() should stop when its signal is aborted')
      }),
  },
  {
    name: 'it never runs more jobs than it has slots, however many it is given',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const count = Math.min(48, 3 * opened.status().slots + 1)
        const { jobs } = bench.program
        const calls = Array.from({ length: count }, (_, i) =>
          opened.compile((jobs[i % jobs.length] as CapturedJob).at(i)),
        )
        await opened.watch(calls, () => checkStatus(opened.status()))
        for (const call of calls) checkResult(await opened.result(call), call.job, opened.status())
      }),
  },
  {
    name: 'its status counts jobs while they run and returns to nothing',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const before = load(opened)
        const call = opened.compile(bench.program.slowJob)
        await opened.until(() => load(opened) > before, bench.limits.abortMs, 'status() should count the running job')
        await opened.result(call)
        await opened.until(() => load(opened) <= before, bench.limits.abortMs, 'status() should forget the ended job')
        checkStatus(opened.status())
      }),
  },
  {
    name: 'it announces every change of its slots and of whether it accepts work',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        let [known, announced] = [opened.status(), opened.announcements()]
        const calls = bench.program.jobs.map((job) => opened.compile(job))
        await opened.watch(calls, () => {
          const status = opened.status()
          const same = status.slots === known.slots && status.accepting === known.accepting
          assert.ok(
            same || opened.announcements() > announced,
            'statusChanged() should be called when slots or accepting change',
          )
          ;[known, announced] = [status, opened.announcements()]
        })
      }),
  },
  {
    name: 'it gives a job that does not compile a result, for the job is at fault and not the system',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const [job] = bench.program.jobs
        const call = opened.compile((job as CapturedJob).broken())
        const outcome = await opened.outcome(call)
        assert.ok(
          outcome.kind === 'resolved',
          `compile() should resolve with 'does-not-compile' (or 'cannot'): an error would have it tried elsewhere, again and again. It rejected with ${String(outcome.kind === 'rejected' && outcome.error)}`,
        )
        const { kind } = outcome.result
        assert.ok(kind === 'does-not-compile' || kind === 'cannot', `a broken module gave '${kind}' for a result`)
      }),
  },
])

const load = (opened: Opened): number => opened.status().busy + opened.status().queued

export function checkStatus({
  slots,
  busy,
  queued,
  accepting,
  latencyMs,
  speed,
  workers = [],
}: DistributorStatus): void {
  for (const [name, count] of Object.entries({ slots, busy, queued })) {
    assert.ok(
      Number.isInteger(count) && count >= 0,
      `status().${name} should be a whole number from 0, not ${String(count)}`,
    )
  }
  assert.ok(
    busy <= slots,
    `${String(busy)} jobs run, but status() says ${String(slots)} slots: let the others wait in 'queued'`,
  )
  assert.equal(typeof accepting, 'boolean', 'status().accepting should be true or false')
  assert.ok(latencyMs === undefined || latencyMs >= 0, 'status().latencyMs should be left out or at least 0')
  assert.ok(speed === undefined || (speed > 0 && speed < Infinity), 'status().speed should be left out or positive')
  const names = new Set(workers.map(({ name }) => name))
  assert.equal(names.size, workers.length, 'status().workers should have names of their own')
}

export function checkResult(result: CompileResult, job: CapturedJob, { workers }: DistributorStatus): void {
  if (result.kind === 'cannot') return assert.ok(result.reason !== '', `'cannot' should name the option or feature`)
  assert.ok(result.kind !== 'does-not-compile', `'${job.moduleId}' compiles, but the result says that it does not`)
  if (result.kind === 'object') {
    const same = Buffer.compare(result.object, job.object) === 0
    assert.ok(
      same,
      `the object of '${job.moduleId}' should have the bytes that lld makes: same LLVM, all arguments, all files?`,
    )
  }
  for (const name of ['queuedMs', 'sendMs', 'compileMs', 'receiveMs'] satisfies (keyof CompileTimings)[]) {
    const ms = result.timings[name]
    assert.ok(
      ms === undefined || (ms >= 0 && ms < Infinity),
      `timings.${name} should be left out or a time, not ${String(ms)}`,
    )
  }
  const { worker } = result
  const known = worker === undefined || workers === undefined || workers.some(({ name }) => name === worker)
  assert.ok(known, `the result's worker '${String(worker)}' should be one of status().workers`)
  assert.deepEqual(job.damaged, [], 'the bytes of a job belong to the linker: never write to them')
}
