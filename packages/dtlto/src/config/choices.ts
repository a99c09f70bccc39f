import { DtltoError } from '../errors.js'
import type { DistributorChoice, RawOptionValue } from './settings.js'

/** `NAME[,key=value…]`, as in --distribute and DTLTO_DISTRIBUTE. `from` names the place for errors. */
export function parseDistributor(text: string, from: string): DistributorChoice {
  const [name = '', ...pairs] = text.split(',')
  if (name === '') {
    throw new DtltoError('DTLTO_OPTION_INVALID', `${from}: expected a distributor's name but received '${text}'`)
  }
  return withPairs({ name, options: {}, from }, pairs)
}

/** The choice with further options, each `key=value`, or `key` alone for true. No key may be there twice. */
export function withPairs(choice: DistributorChoice, pairs: readonly string[]): DistributorChoice {
  const { from } = choice
  const options = new Map<string, RawOptionValue>(Object.entries(choice.options))
  for (const pair of pairs) {
    const [, key, value] = /^([A-Za-z][A-Za-z0-9_-]*)(?:=(.*))?$/s.exec(pair) ?? []
    if (key === undefined) {
      throw new DtltoError('DTLTO_OPTION_INVALID', `${from}: expected key=value but received '${pair}'`)
    }
    if (options.has(key)) {
      throw new DtltoError(
        'DTLTO_OPTION_INVALID',
        `${from}: '${key}' is given twice; separate the values of a list by + (${key}=a+b)`,
      )
    }
    options.set(key, value ?? true)
  }
  return { ...choice, options: Object.fromEntries(options) }
}
