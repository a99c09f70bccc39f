/** Messages of google.rpc and of operations, as engines put them together. */
import { Metadata, type ServerErrorResponse, type status } from '@grpc/grpc-js'
import * as re from '../generated/build/bazel/remote/execution/v2/remote_execution.js'
import type { Operation } from '../generated/google/longrunning/operations.js'
import { RetryInfo } from '../generated/google/rpc/error_details.js'
import { Status } from '../generated/google/rpc/status.js'
import { encodeMessage } from '../grpc/methods.js'

export type Codec<T> = Pick<re.MessageFns<T>, 'encode' | 'decode'>

export function patienceOf(ms: number): Status['details'][number] {
  return any('RetryInfo', RetryInfo, { retryDelay: { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 } })
}

export function stage(value: re.ExecutionStage_Value): Operation['metadata'] {
  const metadata = re.ExecuteOperationMetadata.fromPartial({ stage: value })
  return any('', re.ExecuteOperationMetadata, metadata, 'build.bazel.remote.execution.v2.ExecuteOperationMetadata')
}

export function any<T>(
  name: string,
  codec: Codec<T>,
  message: T,
  type = `google.rpc.${name}`,
): { typeUrl: string; value: Buffer } {
  return { typeUrl: `type.googleapis.com/${type}`, value: encodeMessage(codec, message) }
}

export function failure(code: status, details: string, more: Status['details'] = []): ServerErrorResponse {
  const metadata = new Metadata()
  if (more.length > 0)
    metadata.set('grpc-status-details-bin', encodeMessage(Status, { code, message: details, details: more }))
  return { name: 'Error', message: details, code, details, metadata }
}
