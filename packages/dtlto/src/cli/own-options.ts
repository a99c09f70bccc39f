/**
 * dtlto's own options, taken out of lld's command line. Nothing else is interpreted: what is left goes to lld as it came.
 */
import { existsSync } from 'node:fs'
import type { NativeArgument } from '@dtlto/native'
import { parseDistributor, withPairs } from '../config/choices.js'
import { didYouMean } from '../config/nearest.js'
import { type DistributorChoice, type PartialSettings, SettingsReader } from '../config/settings.js'
import { optionName, OTHER_OPTIONS, SETTING_KEYS, type SettingKey, SETTINGS } from '../config/table.js'
import { FILE } from '../config/values.js'
import { DtltoError } from '../errors.js'

export interface OwnOptions {
  readonly settings: PartialSettings
  readonly configFile: string | undefined
  /** lld's arguments, ours removed. */
  readonly rest: readonly NativeArgument[]
}

const KEYS: ReadonlyMap<string, SettingKey> = new Map(SETTING_KEYS.map((key) => [optionName(key), key]))

/** All of ours, as written after `--`. */
export const OPTION_NAMES: readonly string[] = [...Object.keys(OTHER_OPTIONS), ...KEYS.keys()].sort()

interface OwnOption {
  /** One of OPTION_NAMES. */
  readonly name: string
  /** As the user wrote it, without the value. */
  readonly spelling: string
  readonly value: string | undefined
}

/**
 * Splits an expanded command line. In a GNU one ours are `--distribute…=VALUE`; in a Windows one `/distribute…:VALUE`, and `-` or `--` in
 * place of `/`. A value is always part of the argument: of the next one nobody could tell whether it is lld's.
 *
 * The compiler driver splits `-Wl,--distribute=distcc,hosts=a+b` at its commas, so `key=value` arguments right after --distribute
 * belong to it too, unless a file of that name exists.
 */
export function splitOwnOptions(argv: readonly NativeArgument[], windows: boolean): OwnOptions {
  const rest: NativeArgument[] = []
  const distributors: DistributorChoice[] = []
  const reader = new SettingsReader()
  const given = new Map<string, unknown>()
  let configFile: string | undefined

  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as NativeArgument
    const own = typeof argument === 'string' ? match(argument, windows) : undefined
    if (!own) {
      rest.push(argument)
      continue
    }
    const { name, spelling } = own
    const key = KEYS.get(name)
    const value = own.value ?? (key && SETTINGS[key].kind.bare)
    if (value === undefined) throw missingValue(own, windows)
    if (name === 'distribute') {
      const pairs = trailingPairs(argv, i + 1)
      distributors.push(withPairs(parseDistributor(String(value), argument as string), pairs))
      i += pairs.length
      continue
    }
    if (key === undefined) configFile = FILE.parse(value, spelling)
    checkOnce(given, own, key === undefined ? configFile : reader.read(key, value, spelling))
  }
  if (distributors.length > 0) {
    reader.distribute(distributors)
    const other = otherDistributor(rest, windows)
    if (other !== undefined) {
      throw new DtltoError(
        'DTLTO_OPTION_INVALID',
        `${String(distributors[0]?.from)}: '${other}' has lld distribute the same jobs itself; leave one of the two out`,
      )
    }
  }
  return { settings: reader.settings, configFile, rest }
}

/** lld's own option for a program that distributes ThinLTO jobs, which then never reach dtlto. */
export function otherDistributor(argv: readonly NativeArgument[], windows: boolean): string | undefined {
  const pattern = windows ? /^(?:\/|--?)thinlto-distributor(?:[:=]|$)/i : /^--?thinlto-distributor(?:=|$)/
  return argv.find((argument): argument is string => typeof argument === 'string' && pattern.test(argument))
}

function match(argument: string, windows: boolean): OwnOption | undefined {
  const pattern = windows ? /^(?:\/|--?)(distribute[^:=/]*)(?:[:=](.*))?$/is : /^--(distribute[^=]*)(?:=(.*))?$/s
  const [, written, value] = pattern.exec(argument) ?? []
  if (written === undefined) return undefined
  const name = windows ? written.toLowerCase() : written
  const spelling = argument.slice(0, argument.length - (value === undefined ? 0 : value.length + 1))
  if (OPTION_NAMES.includes(name)) return { name, spelling, value }
  // `/distributed.obj` may well be a file in the root directory.
  if (windows && argument.startsWith('/') && existsSync(argument)) return undefined
  throw new DtltoError(
    'DTLTO_OPTION_INVALID',
    `unknown option '${spelling}'${didYouMean(name, OPTION_NAMES) || `: dtlto has ${OPTION_NAMES.join(', ')}`}`,
  )
}

/** Flags are often passed twice as a whole, so the same again is no contradiction. */
function checkOnce(given: Map<string, unknown>, { name, spelling }: OwnOption, value: unknown): void {
  if (given.has(name) && given.get(name) !== value) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `${spelling}: given twice, with '${String(given.get(name))}' and with '${String(value)}'; leave one out`,
    )
  }
  given.set(name, value)
}

function missingValue({ name, spelling }: OwnOption, windows: boolean): DtltoError {
  return new DtltoError(
    'DTLTO_OPTION_INVALID',
    `${spelling}: missing value; write ${spelling}${windows ? ':' : '='}${placeholderOf(name)}`,
  )
}

function trailingPairs(argv: readonly NativeArgument[], from: number): string[] {
  const pairs: string[] = []
  for (const argument of argv.slice(from)) {
    if (typeof argument !== 'string' || !/^[a-z][A-Za-z0-9_-]*=/.test(argument) || existsSync(argument)) break
    pairs.push(argument)
  }
  return pairs
}

interface Row {
  readonly help: string
  readonly placeholder: string
  /** It may be written without a value. */
  readonly isOptional: boolean
}

function rowOf(name: string): Row {
  const key = KEYS.get(name)
  if (key === undefined) return { ...OTHER_OPTIONS[name as keyof typeof OTHER_OPTIONS], isOptional: false }
  const { help, kind } = SETTINGS[key]
  return { help, placeholder: kind.placeholder, isOptional: kind.bare !== undefined }
}

const placeholderOf = (name: string): string => rowOf(name).placeholder

/** The paragraph that `--help` adds to lld's. */
export function ownHelp(windows: boolean): string {
  const [dash, separator] = windows ? ['/', ':'] : ['--', '=']
  const lines = OPTION_NAMES.map((name) => {
    const { help, placeholder, isOptional } = rowOf(name)
    const value = placeholder === '' ? '' : isOptional ? `[${separator}${placeholder}]` : `${separator}${placeholder}`
    const spelled = `  ${dash}${name}${value}`
    return spelled.length < 25 ? `${spelled.padEnd(26)}${help}` : `${spelled}\n${' '.repeat(26)}${help}`
  })
  return `\nDISTRIBUTED THINLTO (dtlto):\n${lines.join('\n')}\n`
}
