import type { DtltoError } from '../errors.js'
import type { CompileTimings, Diagnostic } from '../distributors/interface.js'

/** How a job ended. Its object, if it has one, went to `accept`, so that no second copy is kept here. */
export type ScheduleResult =
  | {
      readonly kind: 'done'
      /** Who made the object that was placed: `local` for this machine; else the distributor, its endpoint, and the machine there if it says so. */
      readonly distributor: string
      readonly endpoint: string
      readonly worker?: string
      readonly timings: CompileTimings
      /** Calls of `compile` that the job took, duplicates included. */
      readonly attempts: number
      /** First start to end. */
      readonly elapsedMs: number
    }
  /** The compiler's verdict; this machine's, where it may compile. */
  | { readonly kind: 'does-not-compile'; readonly distributor: string; readonly diagnostics: readonly Diagnostic[] }
  /** Nobody could compile it, or going on would hide a wrong result. */
  | { readonly kind: 'failed'; readonly error: DtltoError }
  /** Not needed any more: the link was cancelled, or another job failed. */
  | { readonly kind: 'cancelled' }

/** What became of an object: it is the job's, or the job had one already. */
export type Accepted = 'placed' | 'lost'
