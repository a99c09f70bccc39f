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
  | {
      readonly kind: 'attempt-started'
      readonly atMs: number
      readonly job: number
      readonly attempt: number
      readonly distributor: string
      readonly reason: StartReason
      readonly expectedMs: number
    }
  | {
      readonly kind: 'attempt-ended'
      readonly atMs: number
      readonly job: number
      readonly attempt: number
      readonly distributor: string
      readonly outcome: AttemptOutcome
      readonly worker?: string
      readonly timings?: CompileTimings
    }
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
      readonly kind: 'distributor-rested'
      readonly atMs: number
      readonly distributor: string
      readonly restMs: number
      readonly cause: DtltoError
    }
  | { readonly kind: 'distributor-recovered'; readonly atMs: number; readonly distributor: string }
  /** Not asked again in this link. */
  | {
      readonly kind: 'distributor-retired'
      readonly atMs: number
      readonly distributor: string
      readonly cause: DtltoError
    }
  /** Worth telling the user: once for each distributor and `warning`. */
  | {
      readonly kind: 'warning'
      readonly atMs: number
      readonly distributor: string
      readonly warning: string
      readonly message: string
    }

export type AttemptOutcome =
  /** Its object is the job's. */
  | { readonly kind: 'placed' }
  /** It made an object, but another one had been placed before. */
  | { readonly kind: 'lost' }
  /** Aborted: another attempt won, or the link was cancelled. Its promise may not have settled yet. */
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'cannot'; readonly reason: string }
  | { readonly kind: 'does-not-compile' }
  | { readonly kind: 'trouble'; readonly error: DtltoError }
