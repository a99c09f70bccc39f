/** The conformance suite finds what it is for: each distributor here breaks one rule, and the check of that rule says so. */
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { type ConformanceCheck, conformanceFailures } from '@dtlto/testkit'
import { type DistributorDefinition, DtltoError, type Endpoint } from 'dtlto/plugin'
import { endCodegens } from './codegen.js'
import { realFake } from './real-fake.js'

interface Mutant {
  readonly definition: DistributorDefinition
  readonly check: ConformanceCheck
  readonly message: RegExp
}

const OBJECTS = 'it compiles real jobs to the objects that lld makes itself'
const ABORT = 'it lets go of an aborted job at once: it rejects and frees the slot'
const STATES = 'it opens, states its endpoints and accepts work'
const ANNOUNCES = 'it announces every change of its endpoints, of their slots and of whether they accept work'
const STORE = 'it keeps what others have compiled, if it says that it stores results'
const PROBE = 'its probe, if it has one, tells whether an endpoint works and heeds its signal'

/** What its endpoints say, changed. */
const says = (facts: Partial<Endpoint>): DistributorDefinition =>
  realFake({ endpointPerWorker: true, status: (truth) => ({ ...truth, ...facts }) })

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
  'cannot compile at one of its endpoints': {
    definition: realFake({
      endpointPerWorker: true,
      workers: [
        { name: 'w0', slots: 2 },
        { name: 'w1', slots: 1, fault: { kind: 'trouble', afterMs: 1 } },
      ],
    }),
    check: 'it compiles at each of its endpoints',
    message: /should give a result for .*, but it rejected/,
  },
  'has a queue and does not say when a job begins': {
    definition: says({ hasQueue: true }),
    check: OBJECTS,
    message: /attempt\.started\(\) should be called when a job begins: the endpoint 'w\d' has a queue/,
  },
  'says twice that a job begins': {
    definition: realFake({ hasQueue: true }, (fake) => ({
      compile: (job, endpoint, attempt) => {
        attempt.started()
        return fake.compile(job, endpoint, attempt)
      },
    })),
    check: OBJECTS,
    message: /attempt\.started\(\) should be called once/,
  },
  'ignores aborts': {
    definition: realFake({}, (fake) => ({
      compile: (job, endpoint, attempt) =>
        fake.compile(job, endpoint, { signal: new AbortController().signal, started: () => attempt.started() }),
    })),
    check: ABORT,
    message: /should reject within 300 ms/,
  },
  'hangs when it is aborted': {
    definition: realFake({ script: () => ({ kind: 'ignore-abort' }) }),
    check: ABORT,
    message: /should reject within 300 ms/,
  },
  'says more slots than it has': {
    definition: realFake({}, (fake) => {
      let running = 0
      return {
        endpoints: () => fake.endpoints().map((endpoint) => ({ ...endpoint, slots: 6 })),
        compile: async (job, endpoint, attempt) => {
          if (running === 3) throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'no slot is free')
          running++
          return await fake.compile(job, endpoint, attempt).finally(() => running--)
        },
      }
    }),
    check: 'it compiles as many jobs at a time as its endpoints have slots',
    message: /should give a result for .*, but it rejected/,
  },
  'has half a slot': {
    definition: says({ slots: 0.5 }),
    check: STATES,
    message: /should have a whole number of slots/,
  },
  'has NaN for what others use': {
    definition: says({ busyElsewhere: NaN }),
    check: STATES,
    message: /should leave busyElsewhere out or have at least 0, not NaN/,
  },
  'has two endpoints of one name': {
    definition: says({ id: 'w' }),
    check: STATES,
    message: /endpoints\(\) should have ids of their own/,
  },
  'has endpoints without names': {
    definition: says({ id: '' }),
    check: STATES,
    message: /id should be its name, not ""/,
  },
  'gives a promise of its endpoints': {
    definition: realFake({}, (fake) => ({ endpoints: () => Promise.resolve(fake.endpoints()) as never })),
    check: STATES,
    message: /endpoints\(\) should give an array, and at once/,
  },
  'names its endpoints anew each time': {
    definition: realFake({}, (fake) => {
      let names = 0
      return { endpoints: () => fake.endpoints().map((endpoint) => ({ ...endpoint, id: `w${String(names++)}` })) }
    }),
    check: ANNOUNCES,
    message: /statusChanged\(\) should be called when endpoints, slots or accepting change/,
  },
  'has a probe that fails at the second time': {
    definition: (() => {
      let probes = 0
      const probe = (): Promise<void> =>
        probes++ === 0 ? Promise.resolve() : Promise.reject(new Error('once is enough'))
      return realFake({ probe })
    })(),
    check: PROBE,
    message: /once is enough/,
  },
  'has a probe that ignores its signal': {
    definition: realFake({
      probe: (_, { aborted }) => (aborted ? new Promise<void>(() => undefined) : Promise.resolve()),
    }),
    check: PROBE,
    message: /probe\(\) should settle when its signal is aborted/,
  },
  'takes trouble for a bad module': {
    definition: realFake({ script: () => ({ kind: 'trouble', afterMs: 1 }) }),
    check: 'it gives a job that does not compile a result, for the job is at fault and not the system',
    message: /should resolve with 'does-not-compile'/,
  },
  'accepts work without telling anybody': {
    definition: realFake({}, (fake, context) => {
      const startMs = context.now()
      const accepting = (): boolean => context.now() - startMs > 50
      return { endpoints: () => fake.endpoints().map((endpoint) => ({ ...endpoint, accepting: accepting() })) }
    }),
    check: STATES,
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
  'says that it stores results, and cannot': {
    definition: { ...realFake(), storesResults: () => true },
    check: STORE,
    message: /whose storesResults\(\) is true should have storeResult\(\)/,
  },
  'does not tell whether it stores results': {
    definition: { ...realFake(), storesResults: () => Promise.resolve(true) as never },
    check: STORE,
    message: /should give true or false, and at once/,
  },
  'writes to objects that it stores': {
    definition: {
      ...realFake({}, () => ({
        storeResult: ({ object }) => {
          for (const part of object.lease().parts) part.fill(0)
          return Promise.resolve()
        },
      })),
      storesResults: () => true,
    },
    check: STORE,
    message: /the object belongs to the linker/,
  },
  'stores on when nobody waits for it': {
    definition: {
      ...realFake({}, () => ({
        storeResult: (_, { aborted }) => (aborted ? new Promise<void>(() => undefined) : Promise.resolve()),
      })),
      storesResults: () => true,
    },
    check: STORE,
    message: /storeResult\(\) should settle when its signal is aborted/,
  },
  'leaves listeners on signals': {
    definition: realFake({}, (fake, context) => ({
      compile: (job, endpoint, attempt) => {
        context.signal.addEventListener('abort', () => undefined)
        return fake.compile(job, endpoint, attempt)
      },
    })),
    check: 'it leaves nothing behind: no timer, socket, process or listener',
    message: /listeners on the signals .* should be removed/,
  },
}

describe('the conformance suite finds a distributor that', () => {
  afterEach(endCodegens)
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
