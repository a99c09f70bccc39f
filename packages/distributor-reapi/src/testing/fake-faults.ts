/** What a fake engine does wrong, or as some engines do it. It may be told otherwise at any time. */

/** How it tells that inputs are missing. */
export type Dialect = 'details' | 'precondition' | 'internal'

/** Numbers are how many times it does so. */
export interface Faults {
  /** Execute never looks into the action cache, and always executes. */
  ignoresCache?: boolean
  /** Before the first execution of an action all blobs are lost. */
  losesInputs?: { times: number; dialect: Dialect }
  /** The stream of an execution is cut when it has begun. */
  cutsStreams?: number
  /** It has forgotten operations that somebody waits for. */
  forgetsOperations?: number
  /** Refuses an execution with UNAVAILABLE, and asks for this much patience. */
  asksForPatience?: { times: number; ms: number }
  /** Refuses an execution with RESOURCE_EXHAUSTED and a RetryInfo. */
  isExhausted?: number
  /** Takes no batches, in neither direction. */
  refusesBatches?: boolean
  /** Says nothing to a batch's blobs, in neither direction. */
  forgetsBatches?: boolean
  /** The minor version of the API that it speaks. Default: 3. */
  minorVersion?: number
  /** The outputs of an execution are lost before somebody reads them. */
  losesOutputs?: number
  /** Results in the action cache are failures, unless it is told not to look there. */
  cachesFailures?: boolean
  /** Announces zstd: for streams and reads, or for batches of updates as well. `refuses`: and then takes none. */
  zstd?: 'streams' | 'all' | 'refuses'
  /** Reads give other bytes than were stored. */
  lies?: boolean
  /** Look-ups and reads that never end. */
  isSilent?: boolean
  /** Every call needs this in its header `authorization`. */
  token?: string
  /** Clients may put nothing into the action cache: it says so when it is asked what it can, when it is given something, or by never answering. */
  refusesResults?: 'announced' | 'denied' | 'silent'
  /** What goes out in place of an answer's message; undefined: the message. */
  damages?: (message: Buffer) => Buffer | undefined
  /** Capabilities without execution. */
  executesNothing?: boolean
  /** Actions wait for this before they are executed. */
  queue?: Promise<void>
  /** Nobody has the properties that actions ask for. */
  hasNoWorker?: boolean
  /** Exit code of every execution. */
  exitCode?: number
  /** Shuts the server's connections after an execution has begun: GOAWAY. */
  goesAway?: number
}
