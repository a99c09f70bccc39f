import { performance } from 'node:perf_hooks'
import { native } from '@dtlto/native'
import type { Distributor, DistributorContext, DistributorStatus } from '../../distributors/interface.js'
import type { PreparedDistributor } from '../../link/distributors.js'

/** Longer than the usual limit for a connection. */
const PATIENCE_MS = 5_000

export interface Survey {
  readonly status: DistributorStatus
  /** What it has said of its workers, each once. */
  readonly troubles: readonly string[]
}

/**
 * Opens a distributor without giving it jobs, and waits until each of its workers takes work or has been complained of. A link does not wait: one
 * server that answers is enough for it.
 */
export async function survey({ definition, options }: PreparedDistributor): Promise<Survey> {
  const ended = new AbortController()
  const troubles = new Map<string, string>()
  let wake = (): void => undefined
  const context: DistributorContext = {
    link: { flavour: 'elf', llvmVersion: native().llvmVersion, workingDirectory: process.cwd() },
    signal: ended.signal,
    env: process.env,
    now: () => performance.now(),
    localSlots: () => 1,
    statusChanged: () => wake(),
    warn: (kind, message) => {
      troubles.set(kind, message)
      wake()
    },
    debug: () => undefined,
  }
  const distributor: Distributor = await definition.open(context, options)
  try {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      wake = () => {
        const { workers = [] } = distributor.status()
        const complaints = [...troubles.keys()]
        const isSettled = workers.every(
          ({ name, accepting }) => accepting || complaints.some((kind) => kind.endsWith(`:${name}`)),
        )
        if (!isSettled) return
        clearTimeout(timer)
        resolve()
      }
      wake()
    })
    return { status: distributor.status(), troubles: [...new Set(troubles.values())] }
  } finally {
    ended.abort()
    distributor.destroy()
  }
}
