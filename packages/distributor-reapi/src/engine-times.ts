/** The engine's own figures of an execution, where it has any. Its clock is its own, so that only differences count. */
import type { ExecutedActionMetadata } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

export interface EngineTimes {
  readonly queuedMs?: number
  /** What the action's command took. */
  readonly ranMs?: number
  /** For how long it kept a worker: inputs, command, outputs. */
  readonly workerMs?: number
  readonly fetchMs?: number
  readonly handOverMs?: number
}

export function engineTimes(metadata: ExecutedActionMetadata | undefined): EngineTimes {
  if (metadata === undefined) return {}
  const ranMs = span(metadata.executionStartTimestamp, metadata.executionCompletedTimestamp)
  const queuedMs = span(metadata.queuedTimestamp, metadata.workerStartTimestamp)
  const workerMs = span(metadata.workerStartTimestamp, metadata.workerCompletedTimestamp)
  const fetchMs = span(metadata.inputFetchStartTimestamp, metadata.inputFetchCompletedTimestamp)
  const handOverMs = span(metadata.outputUploadStartTimestamp, metadata.outputUploadCompletedTimestamp)
  return {
    ...(ranMs !== undefined && { ranMs }),
    ...(queuedMs !== undefined && { queuedMs }),
    ...(workerMs !== undefined && { workerMs }),
    ...(fetchMs !== undefined && { fetchMs }),
    ...(handOverMs !== undefined && { handOverMs }),
  }
}

function span(from: Date | undefined, to: Date | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined
  const ms = to.getTime() - from.getTime()
  return ms >= 0 && ms < 24 * 3_600_000 ? ms : undefined
}

/** Engines write what they like: Buildbarn an object in JSON. */
export function workerName(metadata: ExecutedActionMetadata | undefined): string | undefined {
  const worker = metadata?.worker ?? ''
  const named = /"(?:hostname|node|pod)"\s*:\s*"([^"]{1,100})"/.exec(worker)?.[1] ?? worker
  return /^[\w.:/@-]{1,100}$/.test(named) ? named : undefined
}
