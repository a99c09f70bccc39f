import type { Address } from './address.js'

/** A program that gives headers for some servers: `credential-helper.ts`. */
export interface Helper {
  /** `example.com`, or `*.example.com` for that and all below it; undefined: everywhere. */
  readonly domain: string | undefined
  /** A path, or a name to be found on PATH. */
  readonly program: string
}

/** Throws an Error that says what is wrong. */
export function parseHelpers(written: readonly string[]): readonly Helper[] {
  return written.map((text) => {
    const [, domain, program = ''] = /^(?:((?:\*\.)?[A-Za-z0-9.-]+)=)?(.*)$/s.exec(text) ?? []
    if (program === '' || program.includes('='))
      throw new Error(`expected PATH or DOMAIN=PATH for each program but received '${text}'`)
    return { domain: domain?.toLowerCase(), program }
  })
}

/** The one that is named for the most of the host's name. */
export function helperFor(helpers: readonly Helper[], { target }: Address): Helper | undefined {
  const host = target.replace(/:\d+$/, '').toLowerCase()
  const matching = helpers.filter(({ domain }) => {
    if (domain === undefined || domain === host) return true
    return domain.startsWith('*.') && `.${host}`.endsWith(domain.slice(1))
  })
  const weight = ({ domain }: Helper): number =>
    domain === undefined ? 0 : domain.length + (domain.startsWith('*.') ? 0 : 1000)
  return [...matching].sort((a, b) => weight(b) - weight(a))[0]
}
