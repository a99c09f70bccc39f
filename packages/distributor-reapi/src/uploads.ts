/**
 * Results of this machine, or of machines that the engine knows nothing of, as entries of the action cache: under the same digest and with the same outputs
 * that the engine itself would have. So farms and caches share entries, and who finds one need not know who made it.
 *
 * Only with the compiler that is sent: that one is part of the action, and it is this linker's own LLVM. What a compiler of a worker's image would have made
 * nobody here can say.
 */
import { codegenResultFile, DtltoError, type FinishedJob, orAborted } from 'dtlto/plugin'
import type { JobAction } from './action.js'
import { type Blob, bytesBlob, contentBlob } from './blob.js'
import type { Compiler } from './compilers.js'
import type { Engine } from './engine.js'
import { ActionResult } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'
import { asTrouble } from './trouble.js'

const CHECK_MS = 2_000
/** What the entry says of its worker. Nothing of this machine. */
const WORKER = 'dtlto-client'

export class Uploads {
  readonly #engine: Engine
  readonly #compiler: Compiler
  #checked: Promise<void> | undefined
  #stored = 0
  #isGivenUp = false

  constructor(engine: Engine, compiler: Compiler) {
    this.#engine = engine
    this.#compiler = compiler
  }

  /** How many results the server has taken. */
  get stored(): number {
    return this.#stored
  }

  /** The server does not answer, which the user has been told: it is not tried any more. */
  giveUp(): void {
    this.#isGivenUp = true
  }

  /** Rejects with a DtltoError. */
  async store({ job, package: packed, object, ...said }: FinishedJob, signal: AbortSignal): Promise<void> {
    if (!(await this.#isThere(signal)) || this.#isGivenUp) return
    if (!this.#engine.takesResults) throw this.#refused(`'${this.#engine.target}' takes no results from clients`)
    const action = await this.#compiler.action(packed)
    if (action.kind === 'cannot' || action.resultPath === undefined) return
    const text = codegenResultFile(said, job.moduleId, packed)
    if (text === undefined) return
    try {
      const blobs = [contentBlob(object, await object.digest()), bytesBlob(text)] as const
      await this.#engine.publish(action, resultOf(action, blobs), blobs, signal)
      this.#stored++
    } catch (error) {
      if (error instanceof RpcError && REFUSALS.has(error.code))
        throw this.#refused(`'${this.#engine.target}' takes no results of this user: ${error.message}`)
      throw asTrouble(error, this.#engine.target)
    }
  }

  /** A server that does not even say what it can is not waited for. Whoever asked whether it can be used has told the user. */
  async #isThere(signal: AbortSignal): Promise<boolean> {
    this.#checked ??= orAborted(this.#engine.check(), AbortSignal.timeout(CHECK_MS))
    const checked = this.#checked
    try {
      await orAborted(checked, signal)
      return true
    } catch {
      if (this.#checked === checked) this.#checked = undefined
      return false
    }
  }

  #refused(what: string): DtltoError {
    const remedy = 'have writing to its action cache allowed there, or leave out remote_upload_local_results'
    return new DtltoError('DTLTO_ENDPOINT_REFUSED', `${what}; ${remedy}`)
  }
}

const REFUSALS: ReadonlySet<number> = new Set([CODE.PERMISSION_DENIED, CODE.UNAUTHENTICATED, CODE.UNIMPLEMENTED])

function resultOf({ objectPath, resultPath = '' }: JobAction, [object, text]: readonly [Blob, Blob]): ActionResult {
  return ActionResult.fromPartial({
    outputFiles: [
      { path: objectPath, digest: object.digest },
      { path: resultPath, digest: text.digest },
    ],
    exitCode: 0,
    executionMetadata: { worker: WORKER },
  })
}
