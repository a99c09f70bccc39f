import type { RawOptionValue } from '../config/settings.js'
import { DtltoError } from '../errors.js'
import type { OptionSpec, OptionsSchema, OptionValues } from './interface.js'

/** Checks options as written against a distributor's schema. Throws DTLTO_PLUGIN_OPTION_INVALID, naming place, option and what was expected. */
export function checkOptions<S extends OptionsSchema>(
  schema: S,
  written: Readonly<Record<string, RawOptionValue>>,
  distributor: string,
  from: string,
): OptionValues<S> {
  const known = Object.keys(schema)
  for (const key of Object.keys(written)) {
    if (known.includes(key)) continue
    const expected = known.length > 0 ? `it has ${known.join(', ')}` : 'it has none'
    throw new DtltoError(
      'DTLTO_PLUGIN_OPTION_INVALID',
      `${from}: distributor '${distributor}' has no option '${key}': ${expected}`,
    )
  }
  const values: Record<string, unknown> = {}
  for (const [key, spec] of Object.entries(schema)) {
    const value = written[key]
    values[key] =
      value === undefined ? spec.default : checkValue(spec, value, `${from}: option '${key}' of '${distributor}'`)
  }
  return values as OptionValues<S>
}

function checkValue(spec: OptionSpec, value: RawOptionValue, place: string): unknown {
  const expected = (what: string): never => {
    throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', `${place}: expected ${what} but received '${String(value)}'`)
  }
  switch (spec.type) {
    case 'string': {
      if (typeof value !== 'string') return expected('a string')
      const { choices } = spec
      return choices && !choices.includes(value) ? expected(choices.join(' or ')) : value
    }
    case 'integer': {
      const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = spec
      const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
      if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
      return expected(
        `an integer${spec.min === undefined ? '' : ` from ${String(min)}`}${spec.max === undefined ? '' : ` to ${String(max)}`}`,
      )
    }
    case 'boolean':
      if (value === true || value === 'true' || value === 'on' || value === '1') return true
      if (value === false || value === 'false' || value === 'off' || value === '0') return false
      return expected('true or false')
    case 'list':
      if (typeof value === 'string') return value.split(/[+\s]+/).filter((item) => item !== '')
      return Array.isArray(value) ? value : expected('a list, its items separated by +')
  }
}
