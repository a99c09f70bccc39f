import type { DtltoError } from '../errors.js'
import type { CompileTimings, Diagnostic } from '../distributors/interface.js'

/** How a job ended. Its object, if it has one, went to `accept`, so that no second copy is kept here. */
export type ScheduleResult =
  | {
      readonly kind: 'done'
      /** Who made the object that was placed, and which of its workers, if it says so. */
      readonly distributor: string
      readonly worker?: string
      readonly timings: CompileTimings
      /** Calls of `compile` that the job took, duplicates included. */
      readonly attempts: number
      /** First start to end. */
      readonly elapsedMs: number
    }
  /** The compiler's verdict, from this machine where there is a local distributor. */
  | { readonly kind: 'does-not-compile'; readonly distributor: string; readonly diagnostics: readonly Diagnostic[] }
  /** Nobody could compile it, or going on would hide a wrong result. */
  | { readonly kind: 'failed'; readonly error: DtltoError }
  /** Not needed any more: the link was cancelled, or another job failed. */
  | { readonly kind: 'cancelled' }
