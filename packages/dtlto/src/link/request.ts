import type { NativeArgument } from '@dtlto/native'
import type { Settings } from '../config/settings.js'
import type { BackendJob } from '../distributors/interface.js'
import type { Endpoints } from '../scheduler/endpoints.js'
import type { OpenDistributors, Prepared } from './distributors.js'
import type { LinkEvents } from './events.js'
import type { SecondLinkNotice } from './second-link.js'

/** A link whose jobs are known, and whose distributors are open or about to be. */
export interface PlannedLink {
  readonly jobs: readonly BackendJob[]
  readonly prepared: Prepared
  readonly distributors: OpenDistributors
  readonly endpoints: Endpoints
  /** How many jobs lld itself would compile at a time. */
  readonly localSlots: number
}

/** What a link is started with. */
export interface LinkRequest {
  /** lld's command line. argv[0] is the path of the stock program to stand in for: it selects the flavour. */
  readonly argv: readonly NativeArgument[]
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  /**
   * True keeps lld's output in memory and survives its fatal errors. False is what a linker program wants: output goes to file
   * descriptors 1 and 2, and a fatal error of lld ends the process with lld's exit code.
   */
  readonly capture: boolean
  /** Milliseconds that the job's backend took in a past link, if known: the longest are then started first. */
  readonly pastMs?: ((job: BackendJob) => number | undefined) | undefined
  /** `learnt` of an earlier link. */
  readonly memoryFactor?: number | undefined
  readonly signal?: AbortSignal
  readonly events: LinkEvents
  /** Needed by a linker program that lets a failed final link be done once more (second-link.ts). */
  readonly notice?: SecondLinkNotice
  /** Called in place of compiling; then the link is cancelled. */
  readonly examine?: (link: PlannedLink) => Promise<void>
}
