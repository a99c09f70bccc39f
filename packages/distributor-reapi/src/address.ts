export interface Address {
  /** HOST:PORT, an IPv6 address in brackets */
  readonly target: string
  readonly isSecure: boolean
}

const DEFAULT_PORT = { 'grpc:': 80, 'grpcs:': 443 } as const

/** Throws an Error that says what is wrong. */
export function parseAddress(text: string): Address {
  const expected = `expected grpc://HOST:PORT or grpcs://HOST:PORT`
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new Error(`${expected} but received '${withoutUser(text)}'`)
  }
  const { protocol, hostname, port, username, password, pathname, search, hash } = url
  if (username !== '' || password !== '')
    throw new Error(`${expected} without a user or a password: give those by option remote_header`)
  if (protocol !== 'grpc:' && protocol !== 'grpcs:') throw new Error(`${expected} but received '${text}'`)
  if (hostname === '' || !/^\/?$/.test(pathname) || search !== '' || hash !== '')
    throw new Error(`${expected} but received '${text}'`)
  return { target: `${hostname}:${port || DEFAULT_PORT[protocol]}`, isSecure: protocol === 'grpcs:' }
}

const withoutUser = (text: string): string => text.replace(/\/\/.*@/, '//…@')
