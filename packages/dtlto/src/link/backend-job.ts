import type { NativeJobFacts } from '@dtlto/native'
import type {
  BackendJob,
  CannotExpress,
  ClangJob,
  CompiledHere,
  DoesNotCompile,
  WorkerJob,
} from '../distributors/interface.js'
import type { LinkSession } from './session.js'
import type { Travel } from './travel.js'

/** A backend job of a running link. Facts are copied; everything else asks the native side when asked. */
export class LinkBackendJob implements BackendJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly cost: number
  readonly #session: LinkSession
  readonly #travel: Travel

  constructor(session: LinkSession, travel: Travel, index: number, facts: NativeJobFacts) {
    this.#session = session
    this.#travel = travel
    this.index = index
    this.task = facts.task
    this.moduleId = facts.moduleId
    this.targetTriple = facts.targetTriple
    this.bitcodeBytes = facts.bitcodeBytes
    this.importedModules = facts.importedModules
    this.cost = facts.instructions
    Object.freeze(this) // it goes to plugins
  }

  cacheKey(): string {
    return this.#session.native.cacheKey(this.index)
  }

  async compileInProcess(signal?: AbortSignal): Promise<CompiledHere | DoesNotCompile> {
    signal?.throwIfAborted()
    const { outcome, compileMs } = await this.#session.compileHere(this.index)
    switch (outcome) {
      case 'compiled':
        return { kind: 'here', timings: { compileMs } }
      case 'failed':
        return { kind: 'does-not-compile', diagnostics: [] } // lld has them
      case 'lost':
        // Another attempt was first: `accept` knows.
        return { kind: 'here', timings: {} }
    }
  }

  forWorker(): Promise<WorkerJob | CannotExpress> {
    return this.#travel.forWorker(this)
  }

  forClang(): Promise<ClangJob | CannotExpress> {
    return this.#travel.forClang(this)
  }
}
