import assert from 'node:assert/strict'
import { DtltoError } from 'dtlto/plugin'
import type { CompileResult, CompileTimings } from 'dtlto/plugin'
import { type Call, type Opened, within, withOpened } from './bench.js'
import type { CapturedJob } from './captured-job.js'
import { checks } from './check.js'
import { accepts } from './endpoint-checks.js'

/** Of a distributor that says when jobs were sent. */
export const SENT_CHECKS = checks([
  {
    name: 'it says of each job that it was sent',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        for (const call of await opened.compileAll(bench.program.jobs)) {
          const { kind } = await checkedResult(opened, call)
          if (kind === 'object') assert.ok(call.sent() > 0, `it should call sent() for '${call.job.moduleId}'`)
        }
      }),
  },
])

/** Results, slots and endpoints while it works. */
export const WORK_CHECKS = checks([
  {
    name: 'it compiles real jobs to the objects that lld makes itself',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const { jobs, slowJob } = bench.program
        const results: CompileResult[] = []
        for (const job of [...jobs, slowJob]) results.push(await checkedResult(opened, opened.compile(job)))
        const refusals = results.filter(({ kind }) => kind === 'cannot')
        const [first] = refusals
        const reason = first?.kind === 'cannot' ? first.reason : ''
        assert.ok(refusals.length < results.length, `no job could be expressed: ${reason}`)
      }),
  },
  {
    name: 'it compiles at each of its endpoints',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const [job] = bench.program.jobs
        for (const endpoint of opened.endpoints().filter(accepts))
          await checkedResult(opened, opened.compile(job as CapturedJob, endpoint))
      }),
  },
  {
    name: 'it takes all jobs in advance, if it has prepare()',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const { distributor } = opened
        if (distributor.prepare === undefined) return
        const { jobs } = bench.program
        const waiting = { isWaiting: () => true }
        const preparing = distributor.prepare(jobs, new AbortController().signal, waiting)
        await within(preparing, bench.limits.jobMs, 'prepare() should have ended: nothing is sent before')
        for (const job of jobs) await checkedResult(opened, opened.compile(job))
        const aborted = AbortSignal.abort(new DtltoError('DTLTO_CANCELLED', 'the link is over'))
        const late = distributor.prepare(jobs, aborted, waiting).catch(() => undefined)
        await within(late, bench.limits.abortMs, 'prepare() should stop when its signal is aborted')
      }),
  },
  {
    name: 'it compiles as many jobs at a time as its endpoints have slots',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const count = Math.min(48, 3 * opened.freeSlots() + 1)
        const { jobs } = bench.program
        const many = Array.from({ length: count }, (_, i) => (jobs[i % jobs.length] as CapturedJob).at(i))
        for (const call of await opened.compileAll(many)) await checkedResult(opened, call)
      }),
  },
  {
    name: 'it announces every change of its endpoints, of their slots and of whether they accept work',
    run: (bench) =>
      withOpened(bench, async (opened) => {
        const look = (): string =>
          JSON.stringify(opened.endpoints().map(({ id, slots, accepting }) => [id, slots, accepting]))
        let [known, announced] = [look(), opened.announcements()]
        await opened.compileAll(bench.program.jobs, () => {
          const now = look()
          assert.ok(
            now === known || opened.announcements() > announced,
            `statusChanged() should be called when endpoints, slots or accepting change: ${known} became ${now}`,
          )
          ;[known, announced] = [now, opened.announcements()]
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

const TIMES = [
  'queuedMs',
  'sendMs',
  'fetchMs',
  'compileMs',
  'handOverMs',
  'receiveMs',
] as const satisfies readonly (keyof CompileTimings)[]

/** The call's result, which must be right. */
export async function checkedResult(opened: Opened, call: Call): Promise<CompileResult> {
  const result = await opened.result(call)
  checkResult(result, call)
  return result
}

function checkResult(result: CompileResult, { job, endpoint, begun }: Call): void {
  if (result.kind === 'cannot') {
    assert.ok(result.reason !== '', `'cannot' should name the option or feature`)
    return assert.match(
      typeof result.onlyThisEndpoint,
      /boolean|undefined/,
      `'cannot' should have true or false for onlyThisEndpoint`,
    )
  }
  assert.ok(result.kind !== 'does-not-compile', `'${job.moduleId}' compiles, but the result says that it does not`)
  const same = Buffer.compare(result.object, job.object) === 0
  assert.ok(
    same,
    `the object of '${job.moduleId}' should have the bytes that lld makes: same LLVM, all arguments, all files?`,
  )
  for (const name of TIMES) {
    const ms = result.timings[name]
    assert.ok(
      ms === undefined || (ms >= 0 && ms < Infinity),
      `timings.${name} should be left out or a time, not ${String(ms)}`,
    )
  }
  const { worker } = result
  assert.ok(worker === undefined || worker !== '', `the result's worker should be left out or a name`)
  assert.ok(begun() <= 1, `attempt.started() should be called once, when the job begins, not ${begun()} times`)
  const tells = endpoint.hasQueue !== true || begun() === 1
  assert.ok(tells, `attempt.started() should be called when a job begins: the endpoint '${endpoint.id}' has a queue`)
  assert.deepEqual(job.damaged, [], 'the bytes of a job belong to the linker: never write to them')
  assert.equal(job.leases, 0, 'contents should be released when they have been read')
}
