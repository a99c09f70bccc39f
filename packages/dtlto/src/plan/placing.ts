/**
 * Where would the jobs of a link go? The scheduler of real links, on a virtual clock, with endpoints that compile at the speed that they state and jobs that take
 * as long as their costs let one expect.
 */
import type { Attempt, BackendJob, CompileResult, Distributor, Endpoint } from '../distributors/interface.js'
import { Endpoints } from '../scheduler/endpoints.js'
import type { Home, HomeResult } from '../scheduler/home.js'
import { completePolicy } from '../scheduler/policy.js'
import { schedule } from '../scheduler/schedule.js'
import { placeOnce } from './place-once.js'
import { VirtualClock } from './virtual-clock.js'

export interface PlacingDistributor {
  readonly name: string
  /** Those that take work. */
  readonly endpoints: readonly Endpoint[]
  /** Whether it can take a job at all, by the job's index. */
  takes(index: number): boolean
}

export interface PlacingOptions {
  readonly jobs: readonly BackendJob[]
  readonly distributors: readonly PlacingDistributor[]
  /** Slots of this machine; undefined where it may compile nothing. */
  readonly homeSlots: number | undefined
  readonly homeTakesPart: boolean
}

export interface Place {
  /** 'local': this machine. */
  readonly distributor: string
  readonly endpoint: string
}

/** By the jobs' indexes; undefined for a job that nobody takes. */
export async function placeJobs(options: PlacingOptions): Promise<readonly (Place | undefined)[]> {
  const { jobs, distributors, homeSlots, homeTakesPart } = options
  const clock = new VirtualClock()
  const policy = completePolicy({ fallback: homeSlots === undefined ? 'none' : 'local' })
  const places: (Place | undefined)[] = jobs.map(() => undefined)
  const lengthMs = ({ cost }: BackendJob): number => Math.max(1, cost) * policy.guessedMsPerCost
  const placed = new Set<number>()
  const home = homeSlots === undefined ? undefined : simulatedHome(homeSlots, lengthMs, placed, clock)
  await clock.run(
    schedule({
      jobs,
      home,
      homeTakesPart,
      endpoints: new Endpoints({
        distributors: distributors.map((each) => ({ name: each.name, distributor: simulated(each, lengthMs, clock) })),
        clock,
        policy,
      }),
      clock,
      accept: placeOnce(placed),
      onEvent: (event) => {
        if (event.kind === 'attempt-ended' && event.outcome.kind === 'placed')
          places[event.job] ??= { distributor: event.distributor, endpoint: event.endpoint }
      },
    }),
  )
  return places
}

type Length = (job: BackendJob) => number

function simulated(distributor: PlacingDistributor, lengthMs: Length, clock: VirtualClock): Distributor {
  return {
    endpoints: () => distributor.endpoints,
    compile: (job: BackendJob, { speed = 1, latencyMs = 0 }: Endpoint, attempt: Attempt) => {
      if (!distributor.takes(job.index))
        return Promise.resolve<CompileResult>({ kind: 'cannot', reason: 'not this one' })
      attempt.started()
      return after(clock, latencyMs + lengthMs(job) / speed, attempt.signal, (): CompileResult => {
        const object = new Uint8Array(1)
        return { kind: 'object', object, diagnostics: [], sideOutputs: [], timings: { compileMs: lengthMs(job) } }
      })
    },
    close: () => Promise.resolve(),
    destroy: () => undefined,
  }
}

function simulatedHome(slots: number, lengthMs: Length, placed: Set<number>, clock: VirtualClock): Home {
  return {
    slots,
    prepare: () => undefined,
    onSlotsChanged: () => () => undefined,
    compile: (job, signal) =>
      after(clock, lengthMs(job), signal, (): HomeResult => {
        if (placed.has(job.index)) return { kind: 'lost' }
        placed.add(job.index)
        return { kind: 'compiled', timings: { compileMs: lengthMs(job) } }
      }),
  }
}

function after<T>(clock: VirtualClock, ms: number, signal: AbortSignal, result: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = clock.setTimer(clock.now() + ms, () => resolve(result()))
    signal.addEventListener('abort', () => {
      end()
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    })
  })
}
