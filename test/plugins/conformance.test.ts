/** The conformance suite finds what it is for: each distributor here breaks one rule, and the check of that rule says so. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ConformanceCheck, conformanceFailures } from 'dtlto/testkit'
import { type DistributorDefinition, DtltoError } from 'dtlto/plugin'
import { realFake } from './real-fake.js'

interface Mutant {
  readonly definition: DistributorDefinition
  readonly check: ConformanceCheck
  readonly message: RegExp
}

const OBJECTS = 'it compiles real jobs to the objects that lld makes itself'
const ABORT = 'it lets go of an aborted job at once: it rejects and frees the slot'
const SLOTS = 'it never runs more jobs than it has slots, however many it is given'

const MUTANTS: Readonly<Record<string, Mutant>> = {
  'truncates objects': {
    definition: realFake({ script: () => ({ kind: 'truncated' }) }),
    check: OBJECTS,
    message: /should have the bytes that lld makes/,
  },
  'can express nothing': {
    definition: realFake({ script: () => ({ kind: 'cannot', reason: 'no compiler at all' }) }),
    check: OBJECTS,
    message: /no job could be expressed: no compiler at all/,
  },
  'names workers that it does not have': {
    definition: realFake({}, (fake) => ({ status: () => ({ ...fake.status(), workers: [] }) })),
    check: OBJECTS,
    message: /worker 'w\d' should be one of status\(\)\.workers/,
  },
  'ignores aborts': {
    definition: realFake({}, (fake) => ({ compile: (job) => fake.compile(job, new AbortController().signal) })),
    check: ABORT,
    message: /should reject within 300 ms/,
  },
  'hangs when it is aborted': {
    definition: realFake({ script: () => ({ kind: 'ignore-abort' }) }),
    check: ABORT,
    message: /should reject within 300 ms/,
  },
  'says less slots than it uses': {
    definition: realFake({}, (fake) => ({ status: () => ({ ...fake.status(), slots: 1 }) })),
    check: SLOTS,
    message: /jobs run, but status\(\) says 1 slots/,
  },
  'has NaN for a queue': {
    definition: realFake({}, (fake) => ({ status: () => ({ ...fake.status(), queued: NaN }) })),
    check: SLOTS,
    message: /status\(\)\.queued should be a whole number/,
  },
  'takes trouble for a bad module': {
    definition: realFake({ script: () => ({ kind: 'trouble', afterMs: 1 }) }),
    check: 'it gives a job that does not compile a result, for the job is at fault and not the system',
    message: /should resolve with 'does-not-compile'/,
  },
  'accepts work without telling anybody': {
    definition: realFake({}, (fake, context) => {
      const startMs = context.now()
      return { status: () => ({ ...fake.status(), accepting: context.now() - startMs > 50 }) }
    }),
    check: 'it opens, states its slots and accepts work',
    message: /statusChanged\(\) should be called/,
  },
  'closes before its jobs have ended': {
    definition: realFake({}, () => ({ close: () => Promise.resolve() })),
    check: 'close() waits for the jobs that run',
    message: /should resolve after the last job/,
  },
  'closes once': {
    definition: realFake({}, (fake) => {
      let closed = 0
      return { close: () => (closed++ === 0 ? fake.close() : Promise.reject(new Error('closed already'))) }
    }),
    check: 'close() and destroy() may be called twice, in any order',
    message: /closed already/,
  },
  'compiles on after its destruction': {
    definition: realFake({}, () => ({ destroy: () => undefined })),
    check: 'destroy() lets go of the jobs that run',
    message: /should reject/,
  },
  'leaves listeners on signals': {
    definition: realFake({}, (fake, context) => ({
      compile: (job, signal) => {
        context.signal.addEventListener('abort', () => undefined)
        return fake.compile(job, signal)
      },
    })),
    check: 'it leaves nothing behind: no timer, socket, process or listener',
    message: /listeners on the signals .* should be removed/,
  },
}

describe('the conformance suite finds a distributor that', () => {
  for (const [sentence, { definition, check, message }] of Object.entries(MUTANTS)) {
    test(sentence, async () => {
      const failures = await conformanceFailures({ definition, limits: { readyMs: 1000, jobMs: 5000, abortMs: 300 } }, [
        check,
      ])
      assert.match(failures.get(check) ?? 'found nothing', message)
    })
  }

  test('leaves a timer behind', async () => {
    let timer: NodeJS.Timeout | undefined
    const definition = realFake({}, () => {
      timer = setInterval(() => undefined, 60_000)
      return {}
    })
    const check = 'it leaves nothing behind: no timer, socket, process or listener'
    const failures = await conformanceFailures({ definition, limits: { abortMs: 300 } }, [check])
    clearInterval(timer)
    assert.match(failures.get(check) ?? 'found nothing', /these should be gone[^]*1 × Timeout/)
  })

  test('takes options that cannot work, but not one that refuses them', async () => {
    const check = 'it refuses options that cannot work with a DtltoError from open()'
    const found = await conformanceFailures({ definition: realFake(), badOptions: [{}] }, [check])
    assert.match(found.get(check) ?? 'found nothing', /open\(\) should throw a DtltoError/)
    const open = (): never => {
      throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', 'no')
    }
    const good = await conformanceFailures({ definition: { ...realFake(), open }, badOptions: [{}] }, [check])
    assert.deepEqual([...good], [])
  })
})
