/**
 * Thousands of machines, each an endpoint, behind one wire. A job's bytes wait for their turn on the wire, are on their way for the machine's latency, and then take a
 * slot. Nothing in it takes longer the more machines there are, so what a simulated link costs is what the scheduler costs.
 */
import { DtltoError } from 'dtlto/plugin'
import type { Attempt, BackendJob, CompileResult, Distributor, Endpoint } from 'dtlto/plugin'
import type { FakeClock } from '../../packages/testkit/src/index.js'
import { uniforms } from './links.js'
import type { Uplink } from './uplink.js'

/** What is wrong with a machine. */
export type Ailment =
  /** Each of its jobs fails after a moment. */
  | 'fails'
  /** Takes jobs and never answers. */
  | 'hangs'
  /** Takes ten times as long. */
  | 'slow'
  /** Is switched off in the middle of the link: what it has fails, and all that comes later. */
  | 'dies'

export interface LargeFarm {
  readonly machines: number
  readonly slotsOfAMachine: number
  /** Of each ailment, the share of machines that has it. */
  readonly ailing?: Partial<Record<Ailment, number>>
  /** Share of the jobs that are lost on the way back, at whatever machine. */
  readonly lostShare?: number
  readonly latencyMs: { readonly least: number; readonly most: number }
}

export interface Machine {
  readonly endpoint: Endpoint
  readonly latencyMs: number
  readonly ailment: Ailment | undefined
}

const SLOWNESS = 10
const FAILS_AFTER_MS = 300
const DIES_AT_MS = 5_000

/** The same for the same farm. */
export function machinesOf({ machines, slotsOfAMachine, ailing = {}, latencyMs }: LargeFarm, seed = 5): Machine[] {
  const random = uniforms(seed)
  return Array.from({ length: machines }, (_, i): Machine => {
    let rest = random()
    const ailment = (Object.keys(ailing) as Ailment[]).find((kind) => (rest -= ailing[kind] ?? 0) < 0)
    return {
      endpoint: { id: `machine ${String(i + 1)}`, slots: slotsOfAMachine, accepting: true },
      latencyMs: latencyMs.least + random() * (latencyMs.most - latencyMs.least),
      ailment,
    }
  })
}

/** How many jobs all machines do at a time, of those that are as fast as jobs are long. Machines that die count as if they lived, so a bound with them is a little low. */
export function capacityOf(machines: readonly Machine[]): number {
  const share = (ailment: Ailment | undefined): number =>
    ailment === undefined || ailment === 'dies' ? 1 : ailment === 'slow' ? 1 / SLOWNESS : 0
  return machines.reduce((sum, { endpoint, ailment }) => sum + endpoint.slots * share(ailment), 0)
}

export interface LargeFarmOptions {
  readonly machines: readonly Machine[]
  readonly lostShare?: number
  readonly clock: FakeClock
  readonly uplink: Uplink
  readonly durationMs: (job: BackendJob) => number
}

export function largeFarm({ machines, lostShare = 0, clock, uplink, durationMs }: LargeFarmOptions): Distributor {
  const endpoints = machines.map(({ endpoint }) => endpoint)
  const byEndpoint = new Map(machines.map((machine) => [machine.endpoint, machine]))
  const random = uniforms(11)
  const lost = (endpoint: Endpoint): DtltoError =>
    new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', `lost the connection to '${endpoint.id}'`)

  /** After how long an attempt ends, from when it is there, and whether well; undefined: never. */
  function fate(
    job: BackendJob,
    ailment: Ailment | undefined,
  ): { readonly afterMs: number; readonly isGood: boolean } | undefined {
    const ms = durationMs(job)
    const isGood = random() >= lostShare
    switch (ailment) {
      case 'fails':
        return { afterMs: FAILS_AFTER_MS, isGood: false }
      case 'hangs':
        return undefined
      case 'slow':
        return { afterMs: SLOWNESS * ms, isGood }
      case 'dies': {
        const left = Math.max(0, DIES_AT_MS - clock.now())
        return ms < left ? { afterMs: ms, isGood } : { afterMs: left, isGood: false }
      }
      case undefined:
        return { afterMs: ms, isGood }
    }
  }

  return {
    endpoints: () => endpoints,
    compile: (job: BackendJob, endpoint: Endpoint, attempt: Attempt): Promise<CompileResult> =>
      new Promise((resolve, reject) => {
        const { signal } = attempt
        const { latencyMs = 0, ailment } = byEndpoint.get(endpoint) ?? {}
        let cancel = uplink.send(job.bitcodeBytes, () => {
          attempt.sent?.()
          cancel = clock.setTimer(clock.now() + latencyMs, () => {
            const end = fate(job, ailment)
            if (end === undefined) return
            cancel = clock.setTimer(clock.now() + end.afterMs, () => {
              signal.removeEventListener('abort', onAbort)
              if (end.isGood) resolve(result(end.afterMs))
              else reject(lost(endpoint))
            })
          })
        })
        const onAbort = (): void => {
          cancel()
          reject(new DtltoError('DTLTO_CANCELLED', 'aborted'))
        }
        signal.addEventListener('abort', onAbort, { once: true })
      }),
    close: () => Promise.resolve(),
    destroy: () => undefined,
  }
}

const OBJECT = new Uint8Array(8)

function result(compileMs: number): CompileResult {
  return { kind: 'object', object: OBJECT, diagnostics: [], sideOutputs: [], timings: { compileMs } }
}
