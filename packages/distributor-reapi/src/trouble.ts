/** RpcError as the scheduler understands it, with what a user can do about it. */
import { DtltoError, type ErrorCode } from 'dtlto/plugin'
import { CODE, RpcError } from './grpc/status.js'

export function asTrouble(error: unknown, target: string): DtltoError {
  if (DtltoError.is(error)) return error
  if (!(error instanceof RpcError)) {
    const message = error instanceof Error ? error.message : String(error)
    return new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `'${target}': ${message}`, { cause: error })
  }
  const { code, remedy } = classify(error)
  const text = `'${target}': ${error.message}`
  return new DtltoError(code, remedy === undefined ? text : `${text}; ${remedy}`, {
    cause: error,
    details: { target, status: error.code },
  })
}

/** Those that grpc-js goes by, the first that is set. */
const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy']

/** What the proxy is called may have a password in it. */
function proxyRemedy(): { readonly remedy?: string } {
  const name = PROXIES.find((variable) => process.env[variable])
  if (name === undefined) return {}
  return { remedy: `is it the proxy of the variable ${name}? no_proxy names servers that are reached without one` }
}

const CERTIFICATE = /certificate|self.signed|altnames|wrong version number|unable to verify|CERT_|ERR_TLS|ssl3|alert/i

function classify({ code, message }: RpcError): { readonly code: ErrorCode; readonly remedy?: string } {
  switch (code) {
    case CODE.UNAUTHENTICATED:
    case CODE.PERMISSION_DENIED:
      return {
        code: 'DTLTO_ENDPOINT_REFUSED',
        remedy: 'look at options remote_header and tls_client_certificate, and at remote_instance_name',
      }
    case CODE.UNIMPLEMENTED:
      return { code: 'DTLTO_ENDPOINT_REFUSED', remedy: 'does this address speak the Remote Execution API?' }
    case CODE.UNAVAILABLE:
      return CERTIFICATE.test(message)
        ? { code: 'DTLTO_ENDPOINT_REFUSED', remedy: 'look at grpc:// or grpcs://, and at options tls_…' }
        : { code: 'DTLTO_DISTRIBUTOR_UNAVAILABLE', ...proxyRemedy() }
    case CODE.DEADLINE_EXCEEDED:
      return { code: 'DTLTO_DEADLINE_EXCEEDED' }
    case CODE.FAILED_PRECONDITION:
      return {
        code: 'DTLTO_DISTRIBUTOR_FAILED',
        remedy: 'is there a worker with the properties of remote_default_exec_properties?',
      }
    case CODE.DATA_LOSS:
      return { code: 'DTLTO_OBJECT_REJECTED' }
    default:
      return { code: 'DTLTO_DISTRIBUTOR_FAILED' }
  }
}
