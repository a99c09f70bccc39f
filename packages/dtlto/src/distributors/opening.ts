import { DtltoError } from '../errors.js'
import { messageOf } from '../message-of.js'
import type { Distributor, DistributorContext, DistributorDefinition } from './interface.js'

const CLOSE_TIMEOUT_MS = 2_000

/**
 * Opens a distributor; nobody waits for it. Rejects when that fails, which a warning has told. `close` drains it, but not for ever: the link is
 * done then, and a plugin's manners are not worth waiting for; one that opens after that is destroyed at once.
 */
export function openDistributor(
  definition: DistributorDefinition,
  context: DistributorContext,
  options: Parameters<DistributorDefinition['open']>[1],
): { readonly distributor: Promise<Distributor>; readonly close: () => Promise<void> } {
  let open: Distributor | undefined
  let isOver = false
  const opening = async (): Promise<Distributor> => {
    try {
      const opened: unknown = await definition.open(context, options)
      checkOpened(opened, definition.name)
      if (isOver) destroy(opened)
      else open = opened
      return opened
    } catch (error) {
      if (!isOver && !isWrongSetting(error)) context.warn('open', messageOf(error))
      throw error
    }
  }
  const distributor = opening()
  // A link without jobs has nobody who waits for it.
  distributor.catch(() => undefined)
  return {
    distributor,
    close: async () => {
      isOver = true
      if (open === undefined) return
      await closed(open)
      destroy(open)
      open = undefined
    },
  }
}

async function closed(distributor: Distributor): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
  })
  try {
    await Promise.race([distributor.close(), late])
  } catch {
    // The objects are in lld's hands: trouble while closing changes nothing for the user.
  }
  clearTimeout(timer)
}

function destroy(distributor: Distributor): void {
  try {
    distributor.destroy()
  } catch {
    // As for close.
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
  const methods = ['endpoints', 'compile', 'close', 'destroy'] as const
  const missing =
    typeof value === 'object' && value !== null
      ? methods.filter((method) => typeof (value as Record<string, unknown>)[method] !== 'function')
      : methods
  if (missing.length > 0) {
    throw new DtltoError('DTLTO_PLUGIN_MISBEHAVED', `open() of '${name}' gave something without ${missing.join(', ')}`)
  }
}
