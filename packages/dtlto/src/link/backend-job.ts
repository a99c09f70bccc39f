import type { NativeJobFacts } from '@dtlto/native'
import type { BackendJob, CannotExpress, JobPackage } from '../distributors/interface.js'
import type { LinkSession } from './session.js'
import { jobCost } from './job-cost.js'
import type { JobPackages } from './job-packages.js'

/** A backend job of a running link. Facts are copied; everything else asks the native side when asked. */
export class LinkBackendJob implements BackendJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly importedBytes: number
  readonly cost: number
  readonly #session: LinkSession
  readonly #packages: JobPackages
  /** In a box: the job itself is frozen. */
  readonly #package: { made: Promise<JobPackage | CannotExpress> | undefined; isKept: boolean } = {
    made: undefined,
    isKept: true,
  }

  constructor(session: LinkSession, packages: JobPackages, index: number, facts: NativeJobFacts) {
    this.#session = session
    this.#packages = packages
    this.index = index
    this.task = facts.task
    this.moduleId = facts.moduleId
    this.targetTriple = facts.targetTriple
    this.bitcodeBytes = facts.bitcodeBytes
    this.importedModules = facts.importedModules
    this.importedBytes = facts.importedBytes
    this.cost = jobCost(facts)
    Object.freeze(this) // it goes to plugins
  }

  cacheKey(): string {
    return this.#session.native.cacheKey(this.index)
  }

  package(): Promise<JobPackage | CannotExpress> {
    const made = this.#package.made ?? this.#packages.make(this)
    if (this.#package.isKept) this.#package.made = made
    return made
  }

  /** Nobody compiles it any more: what its package alone holds may go, and one that somebody asks for late is not kept. */
  forget(): void {
    this.#package.made = undefined
    this.#package.isKept = false
  }
}
