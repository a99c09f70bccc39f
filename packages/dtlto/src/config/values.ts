import { DtltoError } from '../errors.js'
import { type DistributorChoice, FALLBACKS, PROGRESS_MODES, type RawOptionValue, type Settings } from './settings.js'

/** `NAME[,key=value…]`, as in --distribute and DTLTO_DISTRIBUTE. `from` names the place for errors. */
export function parseDistributor(text: string, from: string): DistributorChoice {
  const [name = '', ...pairs] = text.split(',')
  if (name === '') {
    throw new DtltoError('DTLTO_OPTION_INVALID', `${from}: expected a distributor's name but received '${text}'`)
  }
  const options: Record<string, RawOptionValue> = {}
  for (const pair of pairs) Object.assign(options, parsePair(pair, from))
  return { name, options, from }
}

/** `key=value`, or `key` alone for true. */
export function parsePair(pair: string, from: string): Record<string, RawOptionValue> {
  const match = /^([A-Za-z][A-Za-z0-9-]*)(?:=(.*))?$/s.exec(pair)
  if (!match?.[1]) throw new DtltoError('DTLTO_OPTION_INVALID', `${from}: expected key=value but received '${pair}'`)
  return { [match[1]]: match[2] ?? true }
}

function oneOf<const T extends string>(choices: readonly T[], value: unknown, from: string): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  throw new DtltoError(
    'DTLTO_OPTION_INVALID',
    `${from}: expected ${choices.join(' or ')} but received '${String(value)}'`,
  )
}

export const parseFallback = (value: unknown, from: string): Settings['fallback'] => oneOf(FALLBACKS, value, from)
export const parseProgress = (value: unknown, from: string): Settings['progress'] => oneOf(PROGRESS_MODES, value, from)

export function parseBoolean(value: unknown, from: string): boolean {
  if (value === true || value === 'true' || value === '1' || value === 'on') return true
  if (value === false || value === 'false' || value === '0' || value === 'off') return false
  throw new DtltoError('DTLTO_OPTION_INVALID', `${from}: expected true or false but received '${String(value)}'`)
}

export function parsePath(value: unknown, from: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new DtltoError('DTLTO_OPTION_INVALID', `${from}: expected a file name but received '${String(value)}'`)
}
