import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { type ChannelCredentials, type ClientOptions, credentials, type VerifyOptions } from '@grpc/grpc-js'
import { DtltoError } from 'dtlto/plugin'
import type { Address } from './address.js'
import type { OpenOptions } from './options.js'

type TlsOptions = Pick<OpenOptions, 'tls_certificate' | 'tls_client_certificate' | 'tls_client_key'>

/** Throws DTLTO_PLUGIN_OPTION_INVALID when files cannot be used. A server's certificate is always checked. */
export function channelCredentials({ target, isSecure }: Address, options: TlsOptions): ChannelCredentials {
  const certificate = options.tls_client_certificate
  const key = options.tls_client_key
  if ((certificate === undefined) !== (key === undefined))
    throw invalid('tls_client_certificate and tls_client_key are a pair: expected both')
  const files = [
    read('tls_certificate', options.tls_certificate),
    read('tls_client_key', key),
    read('tls_client_certificate', certificate),
  ] as const
  if (!isSecure) return credentials.createInsecure()
  try {
    return credentials.createSsl(...files, identityOf(target))
  } catch (error) {
    throw invalid(
      `the files of tls_… are no certificates and key: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/** Stands in for an IP address where TLS wants the name of a server (RFC 6066): Node prints a warning of an address there. */
const NO_NAME = 'ip-address.invalid'

/** Options of a channel to `target`, HOST:PORT. */
export function nameForTls({ target, isSecure }: Address): ClientOptions {
  return isSecure && ipAddress(target) !== undefined ? { 'grpc.ssl_target_name_override': NO_NAME } : {}
}

/** The certificate is compared with the address all the same. */
function identityOf(target: string): VerifyOptions {
  const address = ipAddress(target)
  return address === undefined
    ? {}
    : { checkServerIdentity: (_name, certificate) => checkServerIdentity(address, certificate) }
}

function ipAddress(target: string): string | undefined {
  const host = target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return isIP(host) === 0 ? undefined : host
}

function read(option: string, path: string | undefined): Buffer | null {
  if (path === undefined) return null
  try {
    return readFileSync(path)
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    throw invalid(`${option}: '${path}' cannot be read: ${code}`)
  }
}

function invalid(message: string): DtltoError {
  return new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', message)
}
