import { DtltoError } from '../errors.js'
import { type DistributorDefinition, type OptionsSchema, PLUGIN_API_VERSION } from './interface.js'

/**
 * Declares a distributor: checks the definition's shape and types its options by their schema.
 * Throws DTLTO_PLUGIN_INVALID when the definition could never work, so that the author sees it at import.
 */
export function defineDistributor<const S extends OptionsSchema>(
  definition: DistributorDefinition<S>,
): DistributorDefinition<S> {
  checkDefinition(definition, 'defineDistributor')
  return definition
}

/** For `check` of an option whose value has a parser: what `parse` throws is what is wrong. */
export function wrongIf<T>(parse: (value: T) => unknown): (value: T) => string | undefined {
  return (value) => {
    try {
      parse(value)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

/** The same check for a value of unknown origin. `from` says where it came from, for the error. */
export function checkDefinition(value: unknown, from: string): asserts value is DistributorDefinition {
  const invalid = (expected: string, received: unknown): never => {
    throw new DtltoError('DTLTO_PLUGIN_INVALID', `${from}: expected ${expected} but received ${describe(received)}`)
  }
  if (typeof value !== 'object' || value === null) return invalid('a distributor definition', value)
  const { name, apiVersion, options, integrity, storesResults, compilesWith, open } = value as Record<string, unknown>
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(name)) {
    invalid('a name of lower-case letters, digits and hyphens', name)
  }
  if (typeof apiVersion !== 'string' || !/^\d+\.\d+\.\d+$/.test(apiVersion)) {
    return invalid('apiVersion as a version such as 1.0.0', apiVersion)
  }
  if (!isCompatible(apiVersion)) {
    throw new DtltoError(
      'DTLTO_PLUGIN_INVALID',
      `${from}: '${String(name)}' was written for plugin API ${apiVersion}, but this dtlto has ${PLUGIN_API_VERSION}`,
    )
  }
  if (typeof options !== 'object' || options === null) return invalid('options as an object of option specs', options)
  for (const [key, spec] of Object.entries(options as Record<string, unknown>)) {
    const { type, check, ...marks } = (typeof spec === 'object' && spec !== null ? spec : {}) as Record<string, unknown>
    if (!/^[a-z][A-Za-z0-9_-]*$/.test(key)) invalid(`option names like 'hosts' or 'max-slots'`, key)
    if (type !== 'string' && type !== 'integer' && type !== 'boolean' && type !== 'list') {
      invalid(`a type of string, integer, boolean or list for option '${key}'`, type)
    }
    if (check !== undefined && typeof check !== 'function') invalid(`check of option '${key}' as a function`, check)
    for (const mark of ['runsCode', 'readsSecrets', 'receivesSecrets']) {
      const value = marks[mark]
      if (value !== undefined && typeof value !== 'boolean')
        invalid(`${mark} of option '${key}' as true or false`, value)
    }
  }
  if (integrity !== undefined && integrity !== 'end-to-end' && integrity !== 'none')
    invalid(`integrity as 'end-to-end' or 'none'`, integrity)
  if (storesResults !== undefined && typeof storesResults !== 'function')
    invalid('storesResults as a function', storesResults)
  if (compilesWith !== undefined && typeof compilesWith !== 'function')
    invalid('compilesWith as a function', compilesWith)
  if (typeof open !== 'function') invalid('open as a function', open)
}

function isCompatible(apiVersion: string): boolean {
  const [major, minor] = apiVersion.split('.').map(Number) as [number, number]
  const [ourMajor, ourMinor] = PLUGIN_API_VERSION.split('.').map(Number) as [number, number]
  return major === ourMajor && minor <= ourMinor
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (value === null || typeof value !== 'object') return String(value)
  return Array.isArray(value) ? 'an array' : 'an object'
}
