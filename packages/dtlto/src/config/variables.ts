/**
 * Every variable that begins with DTLTO_. One that is not here is an error: a setting with a slip of the pen in its name would
 * otherwise be ignored without a word.
 */
import { DtltoError } from '../errors.js'
import { didYouMean } from './nearest.js'
import { OTHER_OPTIONS, SETTING_KEYS, variableName } from './table.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** Settings, as users write them. */
export const SETTING_VARIABLES: readonly string[] = [
  ...Object.keys(OTHER_OPTIONS).map((option) => `DTLTO_${option.replace(/^distribute-/, '').toUpperCase()}`),
  ...SETTING_KEYS.map(variableName),
]

/** How dtlto itself is started: read before any setting. */
export const START_VARIABLES: Readonly<Record<string, string>> = {
  DTLTO_NODE: 'the `node` program that runs dtlto',
  DTLTO_LLVM:
    'the version of LLVM that links (`23`), where dtlto has several; the name of the program comes first (`ld.dtlto-23`)',
  DTLTO_NATIVE: 'the native part (`dtlto.node`) to load, for work on dtlto itself',
}

/** Of this repository's own set-up, tests and measurements: they run links, which must not mind. launcher/request.cpp knows them, too. */
const DEVELOPMENT = /^DTLTO_(TEST|FUZZ|PARITY|SKIP|LLVM|CLANG)_/

/** An option of a distributor as a variable: `slots` of `worker` is DTLTO_WORKER_SLOTS. */
export function optionVariable(distributor: string, option = ''): string {
  return `DTLTO_${distributor}_${option}`.replaceAll('-', '_').toUpperCase()
}

/** Variables that can only be options of distributors. */
export function optionVariables(env: Environment): Environment {
  return Object.fromEntries(ownVariables(env).filter(([name]) => !isSetting(name)))
}

/**
 * Throws DTLTO_OPTION_INVALID for a variable of dtlto's that it does not know. An empty one counts as unset. `distributors`: whose options have variables;
 * whether there is such an option they say when they are loaded.
 */
export function checkVariables(env: Environment, distributors: Iterable<string>): void {
  const prefixes = [...distributors].map((name) => optionVariable(name))
  for (const [name] of ownVariables(env)) {
    if (isSetting(name) || prefixes.some((prefix) => name.startsWith(prefix))) continue
    const possible = `: dtlto has ${SETTING_VARIABLES.join(', ')}, and DTLTO_NAME_OPTION for options of distributors`
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `unknown variable '${name}' in the environment${didYouMean(name, SETTING_VARIABLES) || possible}`,
    )
  }
}

function ownVariables(env: Environment): [name: string, value: string][] {
  return Object.entries(env).flatMap(([name, value]) =>
    name.startsWith('DTLTO_') && value ? [[name, value] as [string, string]] : [],
  )
}

/** Between `dtlto doctor --link` and the linkers that it hears from. */
export const DOCTOR_VARIABLE = 'DTLTO_DOCTOR_FILE'

function isSetting(name: string): boolean {
  return (
    SETTING_VARIABLES.includes(name) || name in START_VARIABLES || name === DOCTOR_VARIABLE || DEVELOPMENT.test(name)
  )
}
