/** The kinds of values that settings have: how each is read from text and from TOML, and how it is shown. */
import { resolve } from 'node:path'
import { DtltoError } from '../errors.js'

export interface ValueKind<T> {
  /** As it is shown after the option's name, for example `<file>`; empty for an option that needs no value. */
  readonly placeholder: string
  /** What the option means when it is written without a value; left out if it must have one. */
  readonly bare?: T
  /** Where it is one of several words: these. */
  readonly choices?: readonly string[]
  /** Throws DTLTO_OPTION_INVALID, which begins with `place`. `directory`: what relative paths count from, if not the working directory. */
  parse(written: unknown, place: string, directory?: string): T
}

/** A word, or a switch in any of its spellings. */
export const AUTO: ValueKind<'auto' | 'on' | 'off'> = {
  placeholder: 'auto|on|off',
  choices: ['auto', 'on', 'off'],
  parse(written, place) {
    if (written === 'auto') return 'auto'
    if (typeof written !== 'string' || SWITCHES.includes(written)) return FLAG.parse(written, place) ? 'on' : 'off'
    return refuse(place, 'auto or on or off', written)
  },
}

const SWITCHES: readonly string[] = ['true', 'false', '1', '0', 'on', 'off']

/** One of several words. */
export function oneOf<const T extends string>(...choices: readonly T[]): ValueKind<T> {
  return {
    placeholder: choices.join('|'),
    choices,
    parse(written, place) {
      const found = choices.find((choice) => choice === written)
      return found ?? refuse(place, choices.join(' or '), written)
    },
  }
}

/** True where it is written, unless the value says otherwise. */
export const FLAG: ValueKind<boolean> = {
  placeholder: '',
  bare: true,
  parse(written, place) {
    if (written === true || written === 'true' || written === '1' || written === 'on') return true
    if (written === false || written === 'false' || written === '0' || written === 'off') return false
    return refuse(place, 'true or false', written)
  },
}

/** A share in per cent; all of it where it is written without a value. */
export const SHARE: ValueKind<number> = {
  placeholder: '',
  bare: 100,
  parse(written, place) {
    if (typeof written === 'number' && written >= 0 && written <= 100) return written
    const text = typeof written === 'string' ? written : ''
    const percent = /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(text)?.[1]
    if (percent !== undefined && Number(percent) <= 100) return Number(percent)
    if (!SWITCHES.includes(text) && /[\d%]/.test(text)) return refuse(place, 'a share such as 5%', written)
    return FLAG.parse(written, place) ? 100 : 0
  },
}

/** The path of a file that dtlto reads or writes. */
export const FILE: ValueKind<string | undefined> = {
  placeholder: '<file>',
  parse(written, place, directory) {
    if (typeof written !== 'string' || written === '' || written.includes('\0')) {
      return refuse(place, 'a file name', written)
    }
    return directory === undefined ? written : resolve(directory, written)
  },
}

/** True where it is written without a value or as a switch; else the path of a file. */
export const FLAG_OR_FILE: ValueKind<boolean | string> = {
  placeholder: '<file>',
  bare: true,
  parse(written, place, directory) {
    if (typeof written === 'boolean' || (typeof written === 'string' && SWITCHES.includes(written)))
      return FLAG.parse(written, place)
    return FILE.parse(written, place, directory) as string
  },
}

/** A page or a document: the end of the name says which. */
export const REPORT_FILE: ValueKind<string | undefined> = {
  placeholder: '<file>.html|.json',
  parse(written, place, directory) {
    const path = FILE.parse(written, place, directory)
    return path !== undefined && /\.(?:html|json)$/i.test(path)
      ? path
      : refuse(place, 'a file name that ends in .html or .json', written)
  },
}

function refuse(place: string, expected: string, written: unknown): never {
  throw new DtltoError('DTLTO_OPTION_INVALID', `${place}: expected ${expected} but received ${inWords(written)}`)
}

function inWords(written: unknown): string {
  if (typeof written !== 'object' || written === null || written instanceof Date) return `'${String(written)}'`
  return Array.isArray(written) ? 'a list' : 'a table'
}
