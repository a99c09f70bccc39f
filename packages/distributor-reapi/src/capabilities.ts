/** What servers say that they can do, before anything is asked of them. */
import { DtltoError } from 'dtlto/plugin'
import {
  DigestFunction_Value,
  type ServerCapabilities,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { type CallOptions, type Channel } from './grpc/channel.js'
import { GET_CAPABILITIES } from './grpc/methods.js'

const CALL_MS = 5_000

/** Rejects with RpcError. */
export function getCapabilities(
  channel: Channel,
  instanceName: string,
  options: CallOptions,
): Promise<ServerCapabilities> {
  return channel.unary(GET_CAPABILITIES, { instanceName }, { ...options, timeoutMs: CALL_MS })
}

/** Throws DTLTO_ENDPOINT_REFUSED. Of storage version 2.0 is enough, and everybody has it. */
export function checkStorage(target: string, { cacheCapabilities, lowApiVersion }: ServerCapabilities): void {
  if (cacheCapabilities === undefined)
    throw refused(`'${target}' stores nothing: name its storage by option remote_cache`)
  if (!cacheCapabilities.digestFunctions.includes(DigestFunction_Value.SHA256))
    throw refused(`'${target}' does not take SHA-256 digests: have them enabled there`)
  if ((lowApiVersion?.major ?? 2) > 2)
    throw refused(`'${target}' speaks version ${lowApiVersion?.major ?? 0} of the Remote Execution API: expected 2`)
}

/** Throws DTLTO_ENDPOINT_REFUSED. Actions name their outputs by `output_paths`, which 2.1 has brought. */
export function checkExecution(
  target: string,
  { executionCapabilities: execution, highApiVersion: high }: ServerCapabilities,
): void {
  if (!execution?.execEnabled)
    throw refused(
      `'${target}' executes nothing, for this instance name or this user: name it by option remote_cache alone if it is a cache`,
    )
  if (high !== undefined && high.major === 2 && high.minor < 1)
    throw refused(
      `'${target}' executes by version 2.${high.minor} of the Remote Execution API: expected 2.1 or later, so it has to be brought up to date`,
    )
  const functions = execution.digestFunctions.length > 0 ? execution.digestFunctions : [execution.digestFunction]
  if (!functions.includes(DigestFunction_Value.SHA256))
    throw refused(`'${target}' does not take actions with SHA-256 digests: have them enabled there`)
}

function refused(message: string): DtltoError {
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', message)
}
