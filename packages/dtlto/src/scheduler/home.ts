import type { BackendJob, CompileTimings, Diagnostic } from '../distributors/interface.js'
import { ExecutorEstimate, type Estimates } from './estimate.js'
import { Executor } from './executor.js'
import type { Policy } from './policy.js'

/** What compiling a job in the linker's process came to. */
export type HomeResult =
  /** The object is in lld's hands. `beganMs`: when a thread took the job up, on the scheduler's clock, where that is known. */
  | { readonly kind: 'compiled'; readonly timings: CompileTimings; readonly beganMs?: number }
  /** Another attempt had the object there before. */
  | { readonly kind: 'lost' }
  /** lld has the diagnostics already. */
  | { readonly kind: 'does-not-compile'; readonly diagnostics: readonly Diagnostic[] }

/**
 * Compiling in the linker's own process, exactly as lld would. It is no distributor: no bytes are packed, the diagnostics are lld's own, its
 * verdict on a job is final, and it cannot fail but by a bug of ours.
 */
export interface Home {
  /** Jobs that it compiles at a time now; at least 1. */
  readonly slots: number
  /** Called once, before the first job. */
  prepare(jobs: number): void
  /** `signal`: the result is not wanted any more. What runs already runs on; the promise may reject. */
  compile(job: BackendJob, signal: AbortSignal): Promise<HomeResult>
  /** `listener` is called whenever `slots` may have changed. Returns how to stop. */
  onSlotsChanged(listener: () => void): () => void
}

/** Home as the scheduler sees it: it always takes work, and is never rested, late or given up. */
export class HomeExecutor extends Executor {
  readonly distributorName = 'local'
  readonly endpointId = 'local'
  readonly isHome = true
  readonly available = true
  readonly stalled = false
  readonly home: Home
  readonly #backlog: number

  constructor(home: Home, estimates: Estimates, policy: Policy) {
    super(0, new ExecutorEstimate(estimates, undefined))
    this.home = home
    this.#backlog = policy.homeBacklog
  }

  get limit(): number {
    return Math.max(1, Math.floor(this.home.slots))
  }

  /** A native thread should find its next job in the native queue: see Policy.homeBacklog. */
  get backlogRoom(): number {
    return this.#backlog
  }
}
