import type { RawOptionValue } from '../config/settings.js'
import { howToAllow } from '../config/consent.js'
import { didYouMean } from '../config/nearest.js'
import { type Environment, optionVariable } from '../config/variables.js'
import { DtltoError } from '../errors.js'
import type { OptionSpec, OptionsSchema, OptionValues } from './interface.js'

export interface WrittenOptions {
  readonly options: Readonly<Record<string, RawOptionValue>>
  /** Where they were written. */
  readonly from: string
  /** Where single ones were written instead, by key. */
  readonly places?: Readonly<Record<string, string>>
  /** Of those, the file: it was merely found, and the user has not allowed it to name code. */
  readonly notAllowed?: string
  /** Variables of the environment, among them those for the distributor's options. */
  readonly variables?: Environment
}

interface PlacedOptions extends WrittenOptions {
  /** Options that come from the environment. */
  readonly inVariables: ReadonlySet<string>
}

/** Checks options as written against a distributor's schema. Throws DTLTO_PLUGIN_OPTION_INVALID, naming place, option and what was expected. */
export function checkOptions<S extends OptionsSchema>(
  schema: S,
  written: WrittenOptions,
  distributor: string,
): OptionValues<S> {
  const all = withVariables(schema, written, distributor)
  const known = Object.keys(schema)
  for (const key of Object.keys(all.options)) {
    if (known.includes(key)) continue
    const expected = known.length > 0 ? `it has ${known.join(', ')}${didYouMean(key, known)}` : 'it has none'
    throw new DtltoError(
      'DTLTO_PLUGIN_OPTION_INVALID',
      `${ownPlace(key, all) ?? all.from}: distributor '${distributor}' has no option '${key}': ${expected}`,
    )
  }
  const sendsSecrets = Object.entries(schema).some(
    ([key, { readsSecrets }]) => readsSecrets && Object.hasOwn(all.options, key),
  )
  const values: [string, unknown][] = Object.entries(schema).map(([key, spec]) => {
    const value = Object.hasOwn(all.options, key) ? all.options[key] : undefined
    if (value === undefined) return [key, spec.default]
    const place = ownPlace(key, all) ?? `${all.from}: option '${key}' of '${distributor}'`
    if (spec.runsCode) checkConsent(key, all, `${place}: it names a program to run`)
    if (spec.readsSecrets) checkConsent(key, all, `${place}: it may name files whose contents are sent to a server`)
    if (spec.receivesSecrets && sendsSecrets)
      checkConsent(key, all, `${place}: it names a server, and secrets are set to be sent there`)
    return [key, checkValue(spec, value, place)]
  })
  return Object.fromEntries(values) as OptionValues<S>
}

/** Variables count before a file, and after what is written beside the name. Throws for one that is no option of the distributor. */
function withVariables(schema: OptionsSchema, written: WrittenOptions, distributor: string): PlacedOptions {
  const { places = {}, variables = {} } = written
  const keys = Object.keys(schema)
  const options = { ...written.options }
  const placesOf = { ...places }
  const inVariables = new Set<string>()
  for (const [name, value] of Object.entries(variables)) {
    if (!name.startsWith(optionVariable(distributor))) continue
    const key = keys.find((key) => optionVariable(distributor, key) === name)
    if (key === undefined) {
      const possible = keys.map((key) => optionVariable(distributor, key))
      throw new DtltoError(
        'DTLTO_PLUGIN_OPTION_INVALID',
        `unknown variable '${name}' in the environment${didYouMean(name, possible) || `: '${distributor}' has ${possible.join(', ')}`}`,
      )
    }
    if (Object.hasOwn(options, key) && ownPlace(key, written) === undefined) continue
    options[key] = value as string
    placesOf[key] = `${name} in the environment`
    inVariables.add(key)
  }
  return { ...written, options, places: placesOf, inVariables }
}

/** Where each option that is set was written, for messages. */
export function placesOf(
  schema: OptionsSchema,
  written: WrittenOptions,
  distributor: string,
): Readonly<Record<string, string>> {
  const all = withVariables(schema, written, distributor)
  const beside = /^(?:--|-|\/)distribute\b/.test(all.from) ? 'the command line' : all.from
  return Object.fromEntries(Object.keys(all.options).map((key) => [key, ownPlace(key, all) ?? beside]))
}

function ownPlace(key: string, { places }: WrittenOptions): string | undefined {
  return places && Object.hasOwn(places, key) ? places[key] : undefined
}

/** `what`: place and reason. */
function checkConsent(key: string, written: PlacedOptions, what: string): void {
  // What stands beside the name, or in a variable, the user has said.
  const isFiles = ownPlace(key, written) !== undefined && !written.inVariables.has(key)
  if (written.notAllowed === undefined || !isFiles) return
  throw new DtltoError('DTLTO_CONFIG_NOT_ALLOWED', `${what}; ${howToAllow(written.notAllowed)}`)
}

/** The value with the right type, if it passes the option's own check as well. */
function checkValue(spec: OptionSpec, value: RawOptionValue, place: string): unknown {
  const typed = typedValue(spec, value, place)
  let problem: string | undefined
  try {
    problem = (spec.check as ((value: unknown) => string | undefined) | undefined)?.(typed)
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error)
  }
  if (problem === undefined) return typed
  throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', `${place}: ${problem}`)
}

function typedValue(spec: OptionSpec, value: RawOptionValue, place: string): unknown {
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
