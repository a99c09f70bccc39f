import { DtltoError } from '../errors.js'
import type {
  BackendJob,
  CompileResult,
  Distributor,
  DistributorContext,
  DistributorDefinition,
  DistributorStatus,
} from './interface.js'

const CLOSE_TIMEOUT_MS = 2_000

/**
 * A distributor while and after its `open` runs: it takes no work until it is open, and none if opening failed (a warning says
 * why). So a system that hangs at its start delays nobody.
 */
export class OpeningDistributor implements Distributor {
  #open: Distributor | undefined
  #ended = false
  /** Resolves when it is open; rejects when opening failed. */
  readonly opened: Promise<void>

  constructor(
    definition: DistributorDefinition,
    context: DistributorContext,
    options: Parameters<DistributorDefinition['open']>[1],
  ) {
    this.opened = this.#run(definition, context, options)
    // A link without jobs has nobody who waits for it.
    this.opened.catch(() => undefined)
  }

  async #run(...[definition, context, options]: ConstructorParameters<typeof OpeningDistributor>): Promise<void> {
    try {
      const opened = await definition.open(context, options)
      checkOpened(opened, definition.name)
      if (this.#ended) opened.destroy()
      else this.#open = opened
    } catch (error) {
      if (!this.#ended && !isWrongSetting(error))
        context.warn('open', error instanceof Error ? error.message : String(error))
      throw error
    } finally {
      context.statusChanged()
    }
  }

  status(): DistributorStatus {
    return this.#open?.status() ?? { slots: 0, busy: 0, queued: 0, accepting: false, text: 'opening' }
  }

  async prepare(jobs: readonly BackendJob[], signal: AbortSignal): Promise<void> {
    await this.opened
    await this.#open?.prepare?.(jobs, signal)
  }

  compile(job: BackendJob, signal: AbortSignal): Promise<CompileResult> {
    if (this.#open) return this.#open.compile(job, signal)
    return Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'the distributor is not open'))
  }

  /** Drains, but not for ever: the link is done, and a plugin's manners are not worth waiting for. */
  async close(): Promise<void> {
    this.#ended = true
    const open = this.#open
    if (!open) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
    })
    try {
      await Promise.race([open.close(), late])
    } catch {
      // The objects are in lld's hands: trouble while closing changes nothing for the user.
    }
    clearTimeout(timer)
    this.destroy()
  }

  destroy(): void {
    this.#ended = true
    try {
      this.#open?.destroy()
    } catch {
      // As for close.
    }
  }
}

/** The distributor is not in trouble, it cannot do what the settings say: that ends the link, in place of a warning. */
export function isWrongSetting(error: unknown): error is DtltoError {
  return (
    DtltoError.is(error) &&
    (error.code === 'DTLTO_PLUGIN_OPTION_INVALID' ||
      error.code === 'DTLTO_OPTION_INVALID' ||
      error.code === 'DTLTO_CONFIG_INVALID')
  )
}

function checkOpened(value: unknown, name: string): asserts value is Distributor {
  const methods = ['status', 'compile', 'close', 'destroy'] as const
  const missing =
    typeof value === 'object' && value !== null
      ? methods.filter((method) => typeof (value as Record<string, unknown>)[method] !== 'function')
      : methods
  if (missing.length > 0) {
    throw new DtltoError('DTLTO_PLUGIN_MISBEHAVED', `open() of '${name}' gave something without ${missing.join(', ')}`)
  }
}
