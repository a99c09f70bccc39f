/** The calls that are made, with the codecs of their messages. */
import type { MessageFns } from '../generated/build/bazel/remote/execution/v2/remote_execution.js'
import * as re from '../generated/build/bazel/remote/execution/v2/remote_execution.js'
import * as bytestream from '../generated/google/bytestream/bytestream.js'
import { CancelOperationRequest, Operation } from '../generated/google/longrunning/operations.js'
import { Empty } from '../generated/google/protobuf/empty.js'

export interface Method<Request, Response> {
  /** `/SERVICE/METHOD` */
  readonly path: string
  readonly encode: (request: Request) => Buffer
  readonly decode: (bytes: Buffer) => Response
}

type Codec<T> = Pick<MessageFns<T>, 'encode' | 'decode'>

function method<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): Method<Request, Response> {
  return { path, encode: (message) => encodeMessage(request, message), decode: (bytes) => response.decode(bytes) }
}

/** Its requests come encoded. */
function encodedMethod<Response>(path: string, response: Codec<Response>): Method<Buffer, Response> {
  return { path, encode: (bytes) => bytes, decode: (bytes) => response.decode(bytes) }
}

/** The bytes of a message: of equal messages the same, wherever they are made. */
export function encodeMessage<T>(codec: Codec<T>, message: T): Buffer {
  const { buffer, byteOffset, byteLength } = codec.encode(message).finish()
  return Buffer.from(buffer, byteOffset, byteLength)
}

const V2 = '/build.bazel.remote.execution.v2'

export const GET_CAPABILITIES = method(
  `${V2}.Capabilities/GetCapabilities`,
  re.GetCapabilitiesRequest,
  re.ServerCapabilities,
)
export const GET_ACTION_RESULT = method(`${V2}.ActionCache/GetActionResult`, re.GetActionResultRequest, re.ActionResult)
export const UPDATE_ACTION_RESULT = method(
  `${V2}.ActionCache/UpdateActionResult`,
  re.UpdateActionResultRequest,
  re.ActionResult,
)
export const FIND_MISSING_BLOBS = encodedMethod(
  `${V2}.ContentAddressableStorage/FindMissingBlobs`,
  re.FindMissingBlobsResponse,
)
export const BATCH_UPDATE_BLOBS = encodedMethod(
  `${V2}.ContentAddressableStorage/BatchUpdateBlobs`,
  re.BatchUpdateBlobsResponse,
)
export const BATCH_READ_BLOBS = method(
  `${V2}.ContentAddressableStorage/BatchReadBlobs`,
  re.BatchReadBlobsRequest,
  re.BatchReadBlobsResponse,
)
export const EXECUTE = method(`${V2}.Execution/Execute`, re.ExecuteRequest, Operation)
export const WAIT_EXECUTION = method(`${V2}.Execution/WaitExecution`, re.WaitExecutionRequest, Operation)
export const READ = method('/google.bytestream.ByteStream/Read', bytestream.ReadRequest, bytestream.ReadResponse)
export const WRITE = method('/google.bytestream.ByteStream/Write', bytestream.WriteRequest, bytestream.WriteResponse)
export const CANCEL_OPERATION = method('/google.longrunning.Operations/CancelOperation', CancelOperationRequest, Empty)
