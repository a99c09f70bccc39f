/**
 * dtlto's own options, taken out of lld's command line. Nothing else is interpreted: what is left goes to lld as it came.
 */
import { existsSync } from 'node:fs'
import type { NativeArgument } from '@dtlto/native'
import type { DistributorChoice, PartialSettings } from '../config/settings.js'
import { parseBoolean, parseDistributor, parseFallback, parsePair, parsePath, parseProgress } from '../config/values.js'
import { DtltoError } from '../errors.js'

export interface OwnOptions {
  readonly settings: PartialSettings
  readonly configFile: string | undefined
  /** lld's arguments, ours removed. */
  readonly rest: readonly NativeArgument[]
}

const NAMES = {
  distribute: 'value',
  'distribute-config': 'value',
  'distribute-fallback': 'value',
  'distribute-progress': 'value',
  'distribute-summary': 'flag',
  'distribute-timings': 'value',
  'distribute-trace': 'value',
  'distribute-verify': 'flag',
} as const

type OwnName = keyof typeof NAMES

/** For --help: the option, its meaning. Kept beside the names so that neither is forgotten. */
export const OWN_HELP: Readonly<Record<OwnName, readonly [value: string, meaning: string]>> = {
  distribute: ['=<name>[,<key>=<value>...]', 'Compile ThinLTO backends on this distributor; repeat to use several'],
  'distribute-config': ['=<file>', 'Read settings from this file instead of the nearest dtlto.toml'],
  'distribute-fallback': ['=local|none', 'What to do with a job that no distributor could compile'],
  'distribute-progress': ['=auto|on|off', 'Show a progress line while backends compile'],
  'distribute-summary': ['', 'Say at the end where the jobs ran, which were slow and what was tried again'],
  'distribute-timings': ['=<file>', "Keep the modules' times in this file, and start the longest first next time"],
  'distribute-trace': ['=<file>', 'Write a Chrome/Perfetto trace of the whole link'],
  'distribute-verify': ['', 'Compile every distributed job here too and fail if an object differs'],
}

/**
 * Splits an expanded command line. In a GNU one ours are `--distribute…=VALUE` or `--distribute… VALUE`; in a Windows one
 * `/distribute…:VALUE`, and `-` or `--` in place of `/`.
 *
 * The compiler driver splits `-Wl,--distribute=distcc,hosts=a+b` at its commas, so `key=value` arguments right after --distribute
 * belong to it too, unless a file of that name exists.
 */
export function splitOwnOptions(argv: readonly NativeArgument[], windows: boolean): OwnOptions {
  const rest: NativeArgument[] = []
  const distributors: DistributorChoice[] = []
  const settings: { -readonly [K in keyof PartialSettings]: PartialSettings[K] } = {}
  let configFile: string | undefined

  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as NativeArgument
    const own = typeof argument === 'string' ? match(argument, windows) : undefined
    if (!own) {
      rest.push(argument)
      continue
    }
    const { name, spelling } = own
    let value = own.value
    if (NAMES[name] === 'value' && value === undefined) {
      const next = argv[i + 1]
      if (windows || typeof next !== 'string') {
        throw new DtltoError('DTLTO_OPTION_INVALID', `${spelling}: missing argument`)
      }
      value = next
      i++
    }
    switch (name) {
      case 'distribute': {
        const choice = parseDistributor(value ?? '', `${spelling}=${value ?? ''}`)
        const options = { ...choice.options }
        for (let next = argv[i + 1]; isTrailingPair(next); next = argv[i + 1]) {
          Object.assign(options, parsePair(next, choice.from))
          i++
        }
        distributors.push({ ...choice, options })
        break
      }
      case 'distribute-config':
        configFile = parsePath(value, spelling)
        break
      case 'distribute-fallback':
        settings.fallback = parseFallback(value, spelling)
        break
      case 'distribute-progress':
        settings.progress = parseProgress(value, spelling)
        break
      case 'distribute-summary':
        settings.summary = value === undefined ? true : parseBoolean(value, spelling)
        break
      case 'distribute-timings':
        settings.timings = parsePath(value, spelling)
        break
      case 'distribute-trace':
        settings.trace = parsePath(value, spelling)
        break
      case 'distribute-verify':
        settings.verify = value === undefined ? true : parseBoolean(value, spelling)
        break
    }
  }
  if (distributors.length > 0) settings.distributors = distributors
  return { settings, configFile, rest }
}

function match(
  argument: string,
  windows: boolean,
): { name: OwnName; spelling: string; value: string | undefined } | undefined {
  const pattern = windows
    ? /^(?:\/|--?)(distribute(?:-[a-z]+)*)(?:[:=](.*))?$/is
    : /^--(distribute(?:-[a-z]+)*)(?:=(.*))?$/s
  const found = pattern.exec(argument)
  if (!found?.[1]) return undefined
  const name = windows ? found[1].toLowerCase() : found[1]
  const spelling = argument.slice(0, argument.length - (found[2] === undefined ? 0 : found[2].length + 1))
  if (!(name in NAMES)) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `unknown option '${spelling}': dtlto has ${Object.keys(NAMES).join(', ')}`,
    )
  }
  return { name: name as OwnName, spelling, value: found[2] }
}

function isTrailingPair(argument: NativeArgument | undefined): argument is string {
  return typeof argument === 'string' && /^[a-z][A-Za-z0-9-]*=/.test(argument) && !existsSync(argument)
}

/** The paragraph that `--help` adds to lld's. */
export function ownHelp(windows: boolean): string {
  const [dash, separator] = windows ? ['/', ':'] : ['--', '=']
  const lines = Object.entries(OWN_HELP).map(([name, [value, meaning]]) => {
    const spelled = `  ${dash}${name}${value.replace(/^=/, separator)}`
    return spelled.length < 25 ? `${spelled.padEnd(26)}${meaning}` : `${spelled}\n${' '.repeat(26)}${meaning}`
  })
  return `\nDISTRIBUTED THINLTO (dtlto):\n${lines.join('\n')}\n`
}
