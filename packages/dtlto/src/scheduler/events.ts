import type { DtltoError } from '../errors.js'
import type { CompileTimings } from '../distributors/interface.js'

/** Why an attempt was started. */
export type StartReason = 'first' | 'retry' | 'hedge' | 'fallback' | 'probe'

/**
 * What the scheduler did, as facts for progress, trace and summary. `job` is the position in the list of jobs, `attempt` a
 * number unique within the link, `atMs` the scheduler's clock.
 */
export type SchedulerEvent =
  | { readonly kind: 'job-queued'; readonly atMs: number; readonly job: number; readonly expectedMs: number }
  | ({ readonly kind: 'attempt-started'; readonly atMs: number } & AttemptFacts)
  /** Its endpoint has given an object, and has the slot free; the object is being checked. */
  | ({ readonly kind: 'attempt-answered'; readonly atMs: number } & AttemptFacts)
  /** All that is known of the attempt, so that nobody need remember its start. */
  | ({
      readonly kind: 'attempt-ended'
      readonly atMs: number
      readonly sentMs: number
      /** When the work began: `sentMs`, unless the endpoint has a queue or a thread of this machine had to be waited for; undefined if it never did. */
      readonly startedMs: number | undefined
      /** When its object came, which was checked until `atMs`; undefined without an object of an endpoint. */
      readonly answeredMs: number | undefined
      readonly outcome: AttemptOutcome
      readonly worker?: string
      readonly timings?: CompileTimings
    } & AttemptFacts)
  /** The job goes back to the queue after a trouble, or because a distributor cannot express it. */
  | { readonly kind: 'job-requeued'; readonly atMs: number; readonly job: number; readonly lastResort: boolean }
  /** The job is late, and queued a second time. */
  | {
      readonly kind: 'job-hedged'
      readonly atMs: number
      readonly job: number
      readonly elapsedMs: number
      readonly expectedMs: number
    }
  | {
      readonly kind: 'job-ended'
      readonly atMs: number
      readonly job: number
      readonly result: 'done' | 'failed' | 'cancelled'
    }
  | {
      readonly kind: 'endpoint-rested'
      readonly atMs: number
      readonly distributor: string
      readonly endpoint: string
      readonly restMs: number
      readonly cause: DtltoError
    }
  | {
      readonly kind: 'endpoint-recovered'
      readonly atMs: number
      readonly distributor: string
      readonly endpoint: string
    }
  /** Not asked again in this link. Without `endpoint`: the whole distributor. */
  | {
      readonly kind: 'endpoint-retired'
      readonly atMs: number
      readonly distributor: string
      readonly endpoint?: string
      readonly cause: DtltoError
    }
  /** Worth telling the user: once for each distributor and `warning`, which names the kind and, where there are several, the endpoint. */
  | {
      readonly kind: 'warning'
      readonly atMs: number
      readonly distributor: string
      readonly warning: string
      readonly message: string
    }

export interface AttemptFacts {
  readonly job: number
  readonly attempt: number
  /** `local`: this machine. */
  readonly distributor: string
  readonly endpoint: string
  readonly reason: StartReason
  readonly expectedMs: number
}

export type AttemptOutcome =
  /** Its object is the job's. */
  | { readonly kind: 'placed' }
  /** It made an object, but another one had been placed before. */
  | { readonly kind: 'lost' }
  /** Aborted: another attempt won, or the link was cancelled. Its promise may not have settled yet. */
  | { readonly kind: 'abandoned' }
  /** `isMiss`: it is a cache that does not have the job. */
  | { readonly kind: 'cannot'; readonly reason: string; readonly isMiss?: true }
  | { readonly kind: 'does-not-compile' }
  | { readonly kind: 'trouble'; readonly error: DtltoError }
