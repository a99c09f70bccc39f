/**
 * Jobs that have their objects, offered to distributors that keep results for later links (`storeResult` of the plugin contract): what this process has
 * compiled, and what came from elsewhere with an integrity that somebody vouches for. Nothing is noted, copied or packed unless a distributor asks.
 *
 * A result is what any compile of the same job gives, elsewhere and later. Not offered are therefore jobs that cannot leave this process, that have files
 * beside the object which this process has written, that printed what is no diagnostic, and whose inline assembly may have read files.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { BackendJob, CompiledObject, Distributor, FinishedJob, JobContent } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { DistributorSpec } from '../scheduler/distributor-state.js'
import { LinkContent } from './job-content.js'
import type { LinkEvents } from './events.js'
import type { LinkSession } from './session.js'

/** When lld has ended: how long those are waited for that store, without one of them coming to an end, and in all. */
const IDLE_MS = 5_000
const MOST_MS = 15_000
/** Objects that are kept in memory for this alone, at a time. What comes beyond is not offered. */
const HELD_BYTES = 64 * 1024 ** 2

type Result = Omit<FinishedJob, 'job' | 'package'>

interface Keeper {
  readonly label: string
  /** Undefined until it is open. */
  distributor: Distributor | undefined
  readonly waiting: Offered[]
  /** Of its results: those that wait until it is open, and those that it stores. */
  storing: number
  /** It has failed, and is offered nothing any more. */
  isOver: boolean
}

interface Offered {
  readonly finished: FinishedJob
  /** This keeper does not need it any more. */
  readonly release: () => void
}

interface Surroundings {
  readonly session: LinkSession
  readonly isCaptured: boolean
  readonly events: LinkEvents
}

export class FinishedJobs {
  readonly #around: Surroundings
  readonly #keepers: readonly Keeper[]
  readonly #preparing = new Set<Promise<void>>()
  readonly #over = new AbortController()
  #heldBytes = 0
  #onStored: () => void = () => undefined

  /** `keepers`: at least one. */
  constructor(keepers: readonly DistributorSpec[], around: Surroundings) {
    this.#around = around
    this.#keepers = keepers.map(({ name, distributor }) => {
      const keeper: Keeper = { label: name, distributor: undefined, waiting: [], storing: 0, isOver: false }
      Promise.resolve(distributor).then(
        (open) => {
          keeper.distributor = open
          for (const offered of keeper.waiting.splice(0)) this.#store(keeper, offered)
        },
        () => {
          keeper.isOver = true // which a warning has told
          for (const offered of keeper.waiting.splice(0)) this.#ended(keeper, offered)
        },
      )
      return keeper
    })
  }

  /** This process has compiled it. To be called before anybody forgets its package. */
  madeHere(job: BackendJob): void {
    const { native } = this.#around.session
    const made = native.madeHere(job.index)
    if (made === undefined || native.sideOutputPaths(job.index).length > 0) return
    const { object, path, diagnostics } = made
    const heldBytes = this.#around.isCaptured ? object.length : 0
    const content =
      object.length > 0
        ? objectOf(job, () => object)
        : // An entry of lld's cache, which has just been written.
          objectOf(job, () => readFileSync(path))
    const worded = diagnostics.map(({ severity, text, namesModule }) => ({
      severity,
      message: namesModule ? `${job.moduleId} ${text}` : text,
    }))
    this.#offer(job, { object: content, diagnostics: worded, sideOutputs: [] }, heldBytes, undefined)
  }

  /** `maker`, a distributor, has compiled it, and nothing can have changed it on its way. */
  cameFrom(job: BackendJob, result: CompiledObject, maker: string): void {
    const { object, diagnostics, stderr, sideOutputs } = result
    const content = objectOf(job, () => object)
    this.#offer(job, { object: content, diagnostics, ...(stderr && { stderr }), sideOutputs }, object.length, maker)
  }

  /** Resolves when packages and digests do not need lld's memory any more: it may go on. */
  async prepared(): Promise<void> {
    while (this.#preparing.size > 0) await Promise.all(this.#preparing)
  }

  /** Waits, when lld has ended, for those that store. What takes too long is given up. */
  async stored(): Promise<void> {
    const endMs = performance.now() + MOST_MS
    while (this.#keepers.some(({ storing }) => storing > 0)) {
      const patienceMs = Math.min(IDLE_MS, endMs - performance.now())
      if (patienceMs > 0 && (await this.#oneStored(patienceMs))) continue
      for (const { label, isOver, storing } of this.#keepers) {
        if (isOver || storing === 0) continue
        const message = `${String(storing)} results have not been stored: that would take longer than a link waits for it`
        this.#around.events.emit({ type: 'warning', distributor: label, kind: 'store', message })
      }
      break
    }
    this.end()
  }

  /** Nothing is stored any more. */
  end(): void {
    this.#over.abort(new DtltoError('DTLTO_CANCELLED', 'the link does not wait for what is stored'))
  }

  #oneStored(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs)
      this.#onStored = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  #offer(job: BackendJob, result: Result, heldBytes: number, maker: string | undefined): void {
    const keepers = this.#keepers.filter(({ label, isOver }) => !isOver && label !== maker)
    if (keepers.length === 0 || this.#heldBytes + heldBytes > HELD_BYTES) return
    this.#heldBytes += heldBytes
    let needed = keepers.length
    const release = (): void => {
      if (--needed === 0) this.#heldBytes -= heldBytes
    }
    const preparing = this.#prepare(job, result)
      .then((finished) => {
        for (const keeper of keepers)
          if (finished === undefined) release()
          else this.#give(keeper, { finished, release })
      })
      .finally(() => this.#preparing.delete(preparing))
    this.#preparing.add(preparing)
  }

  /** Undefined if the job cannot leave this process. */
  async #prepare(job: BackendJob, result: Result): Promise<FinishedJob | undefined> {
    try {
      const packed = await job.package()
      if (packed.kind === 'cannot') return undefined
      await Promise.all(packed.blobs.map(({ content }) => content.digest()))
      return Object.freeze({ job, package: packed, ...result })
    } catch {
      return undefined // the link was cancelled meanwhile
    }
  }

  #give(keeper: Keeper, offered: Offered): void {
    keeper.storing++
    if (keeper.distributor === undefined && !keeper.isOver) keeper.waiting.push(offered)
    else this.#store(keeper, offered)
  }

  #ended(keeper: Keeper, { release }: Offered): void {
    keeper.storing--
    release()
    this.#onStored()
  }

  #store(keeper: Keeper, offered: Offered): void {
    const { distributor, label } = keeper
    if (keeper.isOver || this.#over.signal.aborted || distributor?.storeResult === undefined)
      return this.#ended(keeper, offered)
    const failed = (error: unknown): void => {
      if (keeper.isOver || this.#over.signal.aborted) return
      keeper.isOver = true
      const message = `results are not stored: ${error instanceof Error ? error.message : String(error)}`
      this.#around.events.emit({ type: 'warning', distributor: label, kind: 'store', message })
    }
    const storing = async (): Promise<void> => distributor.storeResult?.(offered.finished, this.#over.signal)
    storing()
      .catch(failed)
      .finally(() => this.#ended(keeper, offered))
  }
}

function objectOf(job: BackendJob, fetch: () => Uint8Array): JobContent {
  return new LinkContent(`o${String(job.index)}`, () => [fetch()])
}
