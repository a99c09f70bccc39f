/** How calls fail: gRPC's status codes, and the details of google.rpc that change what a client does. */
import { PreconditionFailure, RetryInfo } from '../generated/google/rpc/error_details.js'
import { Status } from '../generated/google/rpc/status.js'

/** https://grpc.io/docs/guides/status-codes/ */
export const CODE = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

const NAMES = new Map<number, string>(Object.entries(CODE).map(([name, code]) => [code, name]))
const MESSAGE_CHARACTERS = 300

/** A call that failed, or a status within an answer. */
export class RpcError extends Error {
  readonly code: number
  /** The server asks for this much patience, in milliseconds. */
  readonly retryDelayMs: number | undefined
  /** Digests (hexadecimal) that the server says it does not have. */
  readonly missing: readonly string[]

  constructor(code: number, message: string, details: Details = NO_DETAILS) {
    super(`${NAMES.get(code) ?? `status ${code}`}: ${oneLine(message).slice(0, MESSAGE_CHARACTERS)}`)
    this.name = 'RpcError'
    this.code = code
    this.retryDelayMs = details.retryDelayMs
    this.missing = details.missing
  }

  static ofStatus(status: Status): RpcError {
    return new RpcError(status.code, status.message, readDetails(status))
  }

  /** `details`: grpc-status-details-bin, a google.rpc.Status; nonsense in it is no details. */
  static ofTrailers(code: number, message: string, details: Buffer | undefined): RpcError {
    if (details === undefined) return new RpcError(code, message)
    try {
      return new RpcError(code, message, readDetails(Status.decode(details)))
    } catch {
      return new RpcError(code, message)
    }
  }
}

/** Messages hold line breaks where TLS has failed, and grpc-js adds notes that are mostly empty. */
function oneLine(message: string): string {
  return message
    .replace(/Resolution note: *$/, '')
    .replace(/ Last error: undefined\.?/, '')
    .replace(/\s+/g, ' ')
    .trim()
}

interface Details {
  readonly retryDelayMs: number | undefined
  readonly missing: readonly string[]
}

const NO_DETAILS: Details = { retryDelayMs: undefined, missing: [] }

/** A blob as the subject of a violation: `blobs/HASH/SIZE`, behind an instance name with some servers. */
const SUBJECT = /(?:^|\/)blobs\/(?:[a-z0-9]+\/)?([0-9a-f]{64})\/\d+$/

function readDetails({ details }: Status): Details {
  let retryDelayMs: number | undefined
  const missing: string[] = []
  for (const { typeUrl, value } of details) {
    try {
      if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
        const { retryDelay } = RetryInfo.decode(value)
        if (retryDelay) retryDelayMs = retryDelay.seconds * 1000 + retryDelay.nanos / 1e6
      } else if (typeUrl.endsWith('/google.rpc.PreconditionFailure')) {
        for (const { type, subject } of PreconditionFailure.decode(value).violations) {
          const hash = SUBJECT.exec(subject)?.[1]
          if (type === 'MISSING' && hash !== undefined) missing.push(hash)
        }
      }
    } catch {
      // A detail that cannot be read says nothing.
    }
  }
  return { retryDelayMs, missing }
}
