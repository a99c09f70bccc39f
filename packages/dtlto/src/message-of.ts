/** What a value has to say, whatever it is. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.message === 'string') return thrown.message
  } catch {
    // A proxy or a getter that throws.
  }
  return describe(thrown)
}

/** A short text for any value, whatever its traps do, for "expected X but received Z". */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'string':
      return `'${value.slice(0, 60)}'`
    case 'object':
      return describeObject(value)
    case 'function':
      return 'a function'
    case 'undefined':
      return 'undefined'
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'symbol':
      return value.toString()
  }
  // Not reached: these are all types that there are.
  return typeof value
}

function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return 'an array'
    const keys = Object.keys(value).slice(0, 5)
    return `an object with ${keys.map((key) => key.slice(0, 60)).join(', ') || 'no keys'}`
  } catch {
    return 'an object that cannot be looked at'
  }
}
